"""The problems that attacks are judged on, each with a right and a wrong program to follow every attack."""

from dataclasses import dataclass

from ssd_harness.judge.problem_tests import ProblemTests
from ssd_harness.sandbox.interface import Limits

LIMITS = Limits(cpu_s=1.0, wall_s=4.0, memory=1 << 30, output=4 << 20, processes=16)

# The right programs also claim a share of what a leftover of the program before would hold back: memory, threads, CPU time.
_CLAIM = """
import threading


def claim():
    room = bytearray(24 << 20)
    threads = [threading.Thread(target=sum, args=(range(5_000),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(room)


"""


@dataclass(frozen=True)
class AttackedProblem:
    """A problem with one right and one wrong program, to be judged after every attack."""

    tests: ProblemTests
    right: str
    wrong: str


def _functional(name: str, function: str, cases: list[tuple[str, str]], right: str, wrong: str) -> AttackedProblem:
    method = "class Solution:\n    def {}(self, value):\n        claim()\n        return {}\n"
    inputs, expected = zip(*cases, strict=True)
    tests = ProblemTests(name, tuple(text.encode() for text in inputs), expected, 1, function)
    return AttackedProblem(
        tests, _CLAIM + method.format(function, right), method.replace("claim()", "pass").format(function, wrong)
    )


PROBLEMS: dict[str, AttackedProblem] = {
    "stdin": AttackedProblem(
        ProblemTests(
            "stdin",
            (b"1\n700001\n", b"3\n810013 52 -9\n", b"5\n1 2 3 4 920027\n"),
            ("700001\n700001\n", "810056\n810013\n", "920037\n920027\n"),
            1,
        ),
        _CLAIM + "claim()\nn = int(input())\nxs = list(map(int, input().split()))\nprint(sum(xs))\nprint(max(xs))\n",
        "n = int(input())\nxs = list(map(int, input().split()))\nprint(sum(xs))\nprint(min(xs) - 1)\n",
    ),
    "int": _functional(
        "int",
        "total",
        [("[700001]", "700001"), ("[810013, 52, -9]", "810056"), ("[1, 2, 3, 4, 920027]", "920037")],
        "sum(value)",
        "sum(value) + 1",
    ),
    "list": _functional(
        "list",
        "evens",
        [("[700002, 1]", "[700002]"), ("[4, 810013, 2]", "[4, 2]"), ("[1, 6, 6, 8]", "[6, 6, 8]")],
        "[x for x in value if x % 2 == 0]",
        "[x for x in value if x % 2]",
    ),
    "str": _functional(
        "str",
        "joined",
        [('["ab"]', '"ab"'), ('["x", "\\u00e9", "z"]', '"x-\\u00e9-z"'), ('["", "q"]', '"-q"')],
        '"-".join(value)',
        '"+".join(value) + "!"',
    ),
    "bool": _functional(
        "bool",
        "rising",
        [("[1, 2, 3]", "true"), ("[3, 2]", "false"), ("[5, 5, 6]", "true")],
        "value == sorted(value)",
        "value != sorted(value)",
    ),
    "float": _functional(
        "float",
        "mean",
        [("[1, 2]", "1.5"), ("[700001, 1]", "350001.0"), ("[3, 4, 5.5]", "4.166666666666667")],
        "sum(value) / len(value)",
        "sum(value)",
    ),
}


def load_tests(question_id: str) -> ProblemTests:
    """Return the tests of one of the attacked problems."""
    return PROBLEMS[question_id].tests
