"""Ctrl-C under lm_eval in each long stage: one line, exit code 130, no process left, nothing finished made again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("trl")

pytestmark = [pytest.mark.hf, pytest.mark.slow, pytest.mark.docker, pytest.mark.timeout(1800)]

TASK = "livecodebench_mini"
WORDS = (
    "--model",
    "ssd-hf",
    "--model_args",
    "pretrained=demo,steps=12,batch_size_train=2,save_steps=1",
    "--tasks",
    TASK,
)
METADATA = ("--metadata", '{"repeats": 2}')
# What shows that a stage is at work, in the order in which they come.
STAGES = {
    "sampling": "samples/*/samples-00000.parquet",
    "training": "training/*/metrics.jsonl",
    "generating": "generations/*/rank-0.jsonl",
    "judging": f"verdicts/{TASK}.jsonl",
}
KEPT = ("samples/*/samples-*.parquet", "generations/*/rank-0.jsonl", f"verdicts/{TASK}.jsonl")


def processes_of(home):
    """Return the processes whose state folder this is."""
    mark = f"SSD_HARNESS_HOME={home}\0".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in entry.read_bytes() + b"\0":
                found.append(int(entry.parent.name))
        except OSError:
            pass
    return found


def wait_for(holds, process):
    while not holds():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)


def finished(home):
    return {file: file.read_bytes() for pattern in KEPT for file in home.glob(pattern)}


@pytest.fixture
def start(tmp_path):
    """Start lm_eval as a terminal would: in a process group of its own, with Ctrl-C at its default."""

    def start(*more):
        environment = {**os.environ, "SSD_HARNESS_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
        command = ["env", "--default-signal=INT", sys.executable, "-m", "lm_eval", *WORDS, *METADATA, *more]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, process_group=0, text=True, **pipes)

    return start


@pytest.mark.usefixtures("docker_sandbox")
def test_ctrl_c_is_one_line_in_each_stage_and_the_next_run_goes_on(start, tmp_path):
    home = tmp_path / "home"
    before = {}
    for stage, pattern in STAGES.items():
        process = start()
        wait_for(lambda pattern=pattern: any(file.stat().st_size for file in home.glob(pattern)), process)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 130, (stage, errors)
        assert errors.splitlines()[-1] == "ssd-harness: interrupted; run the same command again to continue", stage
        assert "Traceback" not in errors, (stage, errors)
        assert "ssd-harness: error" not in errors, (stage, errors)
        assert processes_of(home) == [], stage
        after = finished(home)
        for file, data in before.items():
            assert after[file].startswith(data), (stage, file)
        before = after

    process = start("--output_path", "out", "--log_samples")
    out, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    assert "exists, nothing to do" in errors
    assert f"|{TASK}|" in out.replace(" ", "")
    after = finished(home)
    for file, data in before.items():
        assert after[file].startswith(data), file
    rows = [json.loads(line) for line in next(home.glob("generations/*/rank-0.jsonl")).read_text().splitlines()]
    assert len({(row["key"], row["index"]) for row in rows}) == len(rows) == 72  # none was drawn twice
