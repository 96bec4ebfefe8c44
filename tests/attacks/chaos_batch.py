"""Ordinary programs with known verdicts, to see whether trouble around them changes any; run as a script, judge them all.

``python chaos_batch.py COUNT JUDGE SANDBOX`` prints one JSON object: the verdicts, and when each slot was opened and closed.
"""

import json
import sys
import time

from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.verdicts import Verdict

_STEPS = 30_000
_WORK = f"""\
n = int(input())
total = 0
for i in range({_STEPS}):
    total = (total + i * n) % 1_000_003
"""

KINDS = (
    (f"{_WORK}print(total)\n", Verdict.AC),
    (f"{_WORK}print(total + 1)\n", Verdict.WA),
    (f"{_WORK}raise ValueError('no')\n", Verdict.RE),
    (f"{_WORK}if n > 2: total += 1\nprint(total)\n", Verdict.WA),
    (f"{_WORK}print(total)\nprint()\n", Verdict.AC),
    ("n = int(input(\n", Verdict.CE),
)
PROBLEMS = 10


def cases(question_id: str) -> list[tuple[str, str]]:
    """Return three tests, input and output; each problem has its own numbers."""
    numbers = [1, 2, 3 + int(question_id.removeprefix("chaos-"))]
    return [(f"{n}\n", f"{n * (_STEPS * (_STEPS - 1) // 2) % 1_000_003}\n") for n in numbers]


def load_tests(question_id: str) -> ProblemTests:
    """Return the tests as the judge wants them."""
    inputs, expected = zip(*cases(question_id), strict=True)
    return ProblemTests(question_id, tuple(text.encode() for text in inputs), expected, 1)


def programs(count: int) -> list[tuple[Program, Verdict]]:
    """Return ``count`` programs over ten problems, with their verdicts."""
    numbered = [(number, *KINDS[(number // PROBLEMS) % len(KINDS)]) for number in range(count)]
    return [(Program(f"chaos-{n % PROBLEMS}", n // PROBLEMS, code), verdict) for n, code, verdict in numbered]


def main() -> None:
    """Judge the batch and print what happened."""
    from ssd_harness.extensions.components import Sandbox
    from ssd_harness.extensions.plugin_manager import lookup
    from ssd_harness.judge.scheduler import judge_programs

    count, judge, kind = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    held = []
    with lookup(Sandbox, kind).factory() as sandbox:
        real = sandbox.open_slot

        def open_slot(stop=None):
            slot = real(stop)
            # Noted a little late and, below, a little early: what overlaps even so did overlap.
            interval = [time.monotonic(), None]
            held.append(interval)
            close = slot.close

            def noted_close():
                if interval[1] is None:
                    interval[1] = time.monotonic()
                close()

            slot.close = noted_close
            return slot

        sandbox.open_slot = open_slot
        began = time.monotonic()
        verdicts = judge_programs([program for program, _ in programs(count)], load_tests, judge=judge, sandbox=sandbox)
    rows = [verdict.as_row() for verdict in verdicts]
    print(json.dumps({"verdicts": rows, "held": held, "ran": [began, time.monotonic()]}))


if __name__ == "__main__":
    main()
