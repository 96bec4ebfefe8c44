"""Programs and their tests, in memory, for every way of judging them."""

import json
import os
from dataclasses import dataclass

from ssd_harness.judge.problem_tests import ProblemTests, Program

CORES = len(os.sched_getaffinity(0))

# Near a time limit: what they cost is the limit.
_TIME_LIMITED = {
    "lcb": {"3406", "3563", "abc301_e", "abc361_f", "abc363_c", "3527"},
    "stdio": {"3406", "3563", "abc301_e", "abc361_f", "abc363_c", "3527", "abc366_e"},
}
SUM = "count = int(input())\nprint(sum(map(int, input().split())))"
SUM_OF_ALL = "import sys\nprint(sum(map(int, sys.stdin.read().split())))"


@dataclass(frozen=True)
class Work:
    """Programs in order, and tests by question id."""

    programs: list
    tests: dict

    def __len__(self):
        return len(self.programs)


def o1_mini(folder, judge):
    """Return the published programs without those near a time limit."""
    from ssd_harness.livecodebench.releases import select
    from ssd_harness.livecodebench.store import open_store

    store = open_store(select("v6"), folder / "code_generation_lite")
    with (folder / "generations_o1-mini.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    programs = [
        Program(row["question_id"], 0, row["code"]) for row in rows if row["question_id"] not in _TIME_LIMITED[judge]
    ]
    return Work(programs, {program.question_id: store.tests(program.question_id) for program in programs})


def sums(problems, samples, tests=10):
    """Return right programs of two lines: what is left is what judging itself costs."""
    programs, of = [], {}
    for number in range(problems):
        name = f"sum{number}"
        lists = [range(number, number + 5 + test) for test in range(tests)]
        inputs = tuple(f"{len(each)}\n{' '.join(map(str, each))}\n".encode() for each in lists)
        of[name] = ProblemTests(name, inputs, tuple(f"{sum(each)}\n" for each in lists), public=1)
        programs += [Program(name, sample, f"{SUM}  # {sample}") for sample in range(samples)]
    return Work(programs, of)


def large_inputs(size, samples):
    """Return programs that add up one input of ``size`` bytes."""
    numbers = [str(10**6 + number % 1000) for number in range(size // 8)]
    text = " ".join(numbers)
    tests = ProblemTests("large", (text.encode(),), (str(sum(map(int, numbers))),), public=1)
    return Work([Program("large", sample, f"{SUM_OF_ALL}  # {sample}") for sample in range(samples)], {"large": tests})
