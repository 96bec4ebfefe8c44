"""Right programs that need much of what is limited, under both judges and in both sandboxes."""

import pytest

from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.verdicts import Verdict

pytestmark = pytest.mark.slow

THREADS = """
import threading
barrier = threading.Barrier(60)
total = []
def work(number):
    barrier.wait()
    total.append(number * scale)
scale = int(input())
threads = [threading.Thread(target=work, args=(number,)) for number in range(60)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(total))
"""
OUTPUT = """
line = "x" * int(input())
for _ in range(17):
    print(line)
"""
DIGITS = """
print("7" * int(input()) + ".0")
"""
PROGRAMS = {
    "sixty threads at once": (THREADS, "2\n", str(59 * 60)),
    "seventeen megabytes of output": (OUTPUT, f"{1 << 20}\n", "\n".join(["x" * (1 << 20)] * 17)),
    "a number of 200,000 digits and .0": (DIGITS, "200000\n", "7" * 200_000 + ".0"),
}


@pytest.fixture(scope="module", params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def sandbox(request):
    return request.getfixturevalue(f"{request.param}_sandbox")


@pytest.mark.parametrize("judge", ["lcb", "stdio"])
def test_they_pass(sandbox, judge):
    def tests(name):
        _, given, expected = PROGRAMS[name]
        return ProblemTests(name, (given.encode(),), (expected,), 1)

    programs = [Program(name, 0, source) for name, (source, _, _) in PROGRAMS.items()]
    verdicts = judge_programs(programs, tests, judge=judge, sandbox=sandbox)
    assert {v.question_id: (v.verdict, v.message) for v in verdicts} == dict.fromkeys(PROGRAMS, (Verdict.AC, ""))
