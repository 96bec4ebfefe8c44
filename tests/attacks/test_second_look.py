"""How long programs can hold a slot over all their runs, the second look included: three wall limits a test, at most."""

import pytest

from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.verdicts import Verdict
from ssd_harness.sandbox.interface import JobEnd, Limits

LIMITS = Limits(cpu_s=3.0, wall_s=2.0)
GLANCE_S = LIMITS.wall_s / 4
SLACK_S = 2.0

WORK = """
import time
def work(wall_s, share):
    until = time.monotonic() + wall_s
    while time.monotonic() < until:
        began = time.process_time()
        while time.process_time() < began + 0.1 * share and time.monotonic() < until:
            pass
        time.sleep(0.1 * (1 - share))
"""
# Enough work to look short of processors, then sleep; or a sixth of the pace that could reach the limit; or work for ever.
ASLEEP = WORK + "work(1.6, 0.9)\ntime.sleep(600)"
IDLING = WORK + "work(1.6, 0.6)\nwork(600, 0.25)"


class Clocked:
    """A sandbox whose slots note how long each job took."""

    def __init__(self, sandbox):
        self._sandbox, self.took = sandbox, []

    def open_slot(self, stop=None):
        slot = self._sandbox.open_slot(stop)
        receive = slot.receive

        def noted():
            event = receive()
            if isinstance(event, JobEnd):
                self.took.append(event.wall_s)
            return event

        slot.receive = noted
        return slot


@pytest.mark.parametrize("program", [ASLEEP, IDLING], ids=["asleep", "idling"])
@pytest.mark.parametrize("judge", ["lcb", "stdio"])
def test_one_second_look_ends_whoever_does_not_work(process_sandbox, judge, program):
    sandbox = Clocked(process_sandbox)
    tests = ProblemTests("q", (b"", b""), ("1", "1"), 1)
    (result,) = judge_programs(
        [Program("q", 0, program)], lambda _: tests, judge=judge, sandbox=sandbox, workers=1, limits=LIMITS
    )
    assert result.verdict is Verdict.TLE
    assert result.reruns <= 1
    # In the second look a known-good program runs first.
    own = [sandbox.took[0], *sandbox.took[2:]]
    assert len(own) == 1 + result.reruns
    assert own[-1] < LIMITS.wall_s + 2 * GLANCE_S + SLACK_S
    assert sum(own) < 3 * LIMITS.wall_s + SLACK_S
