"""Two runs at once: no more slots than cores between them, and neither disturbs the other's verdicts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from chaos_batch import programs

from ssd_harness.sandbox.leases import slot_count

COUNT = 120
PAIRS = [
    pytest.param(("lcb", "docker"), ("stdio", "docker"), marks=[pytest.mark.docker]),
    pytest.param(("lcb", "docker"), ("lcb", "process"), marks=[pytest.mark.docker]),
]


def most_at_once(intervals):
    """Return how many of the intervals overlap at most."""
    changes = sorted((moment, step) for began, ended in intervals for moment, step in ((began, 1), (ended, -1)))
    held = most = 0
    for _, step in changes:
        held += step
        most = max(most, held)
    return most


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_runs_share_the_slots(request, one, other):
    for _, kind in (one, other):
        request.getfixturevalue(f"{kind}_sandbox")
    script = str(Path(__file__).with_name("chaos_batch.py"))
    runs = [
        subprocess.Popen(
            [sys.executable, script, str(COUNT), judge, kind], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for judge, kind in (one, other)
    ]
    outputs = [run.communicate(timeout=400) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    reports = [json.loads(out) for out, _ in outputs]
    for report in reports:
        assert [row["verdict"] for row in report["verdicts"]] == [verdict.value for _, verdict in programs(COUNT)]
    held = [interval for report in reports for interval in report["held"]]
    assert most_at_once(held) <= slot_count()
    assert len(held) >= 2
