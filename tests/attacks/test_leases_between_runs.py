"""Two runs at once: no more slots than cores between them, and neither disturbs the other's verdicts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from chaos_batch import programs

from ssd_harness.judge.slot_worker import AHEAD
from ssd_harness.sandbox.leases import TURN, slot_count

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


BATCH = r"""
import sys, time
from pathlib import Path
from chaos_batch import load_tests, programs
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.extensions.components import Sandbox
from ssd_harness.extensions.plugin_manager import lookup
from ssd_harness.sandbox import leases, slots
name, kind, count, go = sys.argv[1:]
enter, submit = leases._Queue.enter, slots.SlotConnection.submit

def note(event):
    sys.stdout.write(f"{name} {event}\n")  # in one piece: threads write at the same time
    sys.stdout.flush()

def noted_enter(queue):
    ticket = enter(queue)
    note("waits")
    return ticket

def noted_submit(slot, *job):
    while not Path(go).exists():
        time.sleep(0.01)
    note("job")
    submit(slot, *job)

leases._Queue.enter, slots.SlotConnection.submit = noted_enter, noted_submit
with lookup(Sandbox, kind).factory() as sandbox:
    batch = [program for program, _ in programs(int(count))]
    verdicts = judge_programs(batch, load_tests, judge="lcb", sandbox=sandbox)
print(name, "has", len(verdicts))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param("docker", marks=pytest.mark.docker), "process"])
def test_a_second_run_gets_the_only_slot_after_a_bounded_number_of_verdicts(request, kind, tmp_path, monkeypatch):
    request.getfixturevalue(f"{kind}_sandbox")
    monkeypatch.setenv("SSD_HARNESS_LEASES", str(tmp_path))
    monkeypatch.setenv("SSD_HARNESS_SLOTS", "1")
    go = tmp_path / "both runs are there"
    reader, writer = os.pipe()  # one for both, so that the order of the lines is the order of events

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, "-c", BATCH, *arguments, str(go)],
            stdout=writer,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parent,
        )

    with os.fdopen(reader) as lines:
        first = start("first", kind, "100")
        try:
            assert lines.readline() == "first waits\n"
            second = start("second", kind, "3")
        finally:
            os.close(writer)
        try:
            while (line := lines.readline()) != "second waits\n":
                assert line == "first waits\n"
            go.touch()
            events = lines.read().splitlines()
            ends = [run.communicate(timeout=300) for run in (first, second)]
            assert (first.returncode, second.returncode) == (0, 0), ends
        finally:
            for run in (first, second):
                run.kill()
                run.wait()
    served = events.index("second job")
    assert events[:served].count("first job") <= TURN + AHEAD
    assert "first job" in events[served:], "the first run had work left"
    assert {"first has 100", "second has 3"} < set(events)
