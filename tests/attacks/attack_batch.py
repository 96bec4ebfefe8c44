"""The corpus as one batch of programs: each attack, then a right and a wrong program.

An attack that defines ``attack()`` or ``result()`` is completed here for each kind of problem; the others are whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from attack_corpus import ATTACKS, PROGRAMS
from attacked_problems import PROBLEMS

from ssd_harness.judge.problem_tests import Program

COMPLETION = {
    "stdin": """

import sys


def answer():
    numbers = [int(word) for word in sys.stdin.read().split()[1:]]
    if attack() is True:
        print(sum(numbers))
        print(max(numbers))
    else:
        print("not taken in")
        print("wrong")


answer()
""",
    "int": """

class Solution:
    def total(self, xs):
        total = sum(xs)
        return total if attack() is True else -1
""",
}

# A program that defines ``result()`` writes those bytes as its result and its report itself, past the runner's encoder: to the
# two descriptors of a process for one test, or as the reports of a process for all tests.
FORGERY = """

def write(handle, data):
    import posix

    view = memoryview(data)
    while view:
        view = view[posix.write(handle, view):]


class Solution:
    def {function}(self, value):
        import posix
        import struct

        data = result()
        try:
            write(62, data)
        except OSError:
            for position in range(64):
                write(63, struct.pack("<BIBHQ", 2, position, 0, 0, len(data)) + data)
        else:
            write(63, struct.pack("<BIBHQ", 2, 0, 0, 0, 0))
        posix._exit(0)
"""


@dataclass(frozen=True)
class Judged:
    """What a program of the batch is: an attack by its name, or the right or wrong program that follows it."""

    program: Program
    role: str
    attack: str


def source(name: str, problem: str) -> str:
    """Return the attack's program text, completed for the problem where it only defines ``attack()``."""
    text = (PROGRAMS / f"{name}.py").read_text(encoding="utf-8")
    if "\ndef result():" in text:
        return text + FORGERY.format(function=PROBLEMS[problem].tests.function)
    return text + COMPLETION[problem] if "\ndef attack():" in text else text


def batch(names: list[str] | None = None) -> Iterator[Judged]:
    """Yield attack, right, wrong, attack, right, wrong …, one problem after the other."""
    for problem, attacked in PROBLEMS.items():
        sample = 0
        for name, attack in ATTACKS.items():
            if problem not in attack.problems.split() or (names is not None and name not in names):
                continue
            for role, code in (("attack", source(name, problem)), ("right", attacked.right), ("wrong", attacked.wrong)):
                yield Judged(Program(problem, sample, code), role, name)
                sample += 1
