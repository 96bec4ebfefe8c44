"""Ordinary programs with known verdicts, to see whether trouble around them changes any; run as a script, judge them all.

``python chaos_batch.py COUNT JUDGE SANDBOX`` prints one JSON line a verdict and ``slots`` with the most slots held at once.
"""

import json
import sys

from ssd_harness.judge.problem import ProblemTests, Program
from ssd_harness.judge.verdicts import Verdict

_WORK = """\
n = int(input())
total = 0
for i in range(60_000):
    total = (total + i * n) % 1_000_003
"""

KINDS = (
    (f"{_WORK}print(total)\n", Verdict.AC),
    (f"{_WORK}print(total + 1)\n", Verdict.WA),
    (f"{_WORK}raise ValueError('no')\n", Verdict.RE),
    (f"{_WORK}if n > 2: total += 1\nprint(total)\n", Verdict.WA),
    (f"{_WORK}print(total)\nprint()\n", Verdict.AC),
)


def _expected(number: int) -> str:
    return str(number * (60_000 * 59_999 // 2) % 1_000_003)


def load_tests(question_id: str) -> ProblemTests:
    """Return three tests; each problem has its own numbers."""
    numbers = [1, 2, 3 + int(question_id.removeprefix("chaos-"))]
    return ProblemTests(
        question_id, tuple(f"{n}\n".encode() for n in numbers), tuple(f"{_expected(n)}\n" for n in numbers), 1
    )


def programs(count: int) -> list[tuple[Program, Verdict]]:
    """Return ``count`` programs over ten problems, with their verdicts."""
    return [
        (Program(f"chaos-{number % 10}", number // 10, code), verdict)
        for number in range(count)
        for code, verdict in [KINDS[(number // 10) % len(KINDS)]]
    ]


def main() -> None:
    """Judge the batch and print the verdicts."""
    from ssd_harness.judge.schedule import judge_programs
    from ssd_harness.plugin_manager import lookup

    count, judge, kind = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with lookup("ssd_sandboxes", kind)() as sandbox:
        verdicts = judge_programs([program for program, _ in programs(count)], load_tests, judge=judge, sandbox=sandbox)
    for verdict in verdicts:
        print(json.dumps(verdict.as_row()))


if __name__ == "__main__":
    main()
