"""What the tests of slots share: the runners that both judges use for printed output, and a job of one outcome."""

import pytest

from ssd_harness.sandbox.interface import Runner

PROGRAM_RUNNERS = [Runner.LCB_STDIN, Runner.STDIO]
SUM = "print(sum(map(int, input().split())))"
both_runners = pytest.mark.parametrize("runner", PROGRAM_RUNNERS)


def only(result):
    """Return the one outcome of a job, and its end."""
    outcomes, end = result
    assert len(outcomes) == 1, outcomes
    return outcomes[0], end
