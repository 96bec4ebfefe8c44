"""Peak memory of the host while every problem of the benchmark is scored with large private tests."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench import large_problems

SIZE, SAMPLES = 4 << 20, 10
_GOAL_MIB = 600


@pytest.mark.docker
@pytest.mark.timeout(1800)
def test_memory_of_a_whole_release(benchmark, docker_sandbox, table, tmp_path):
    written = large_problems.write(tmp_path, SIZE)
    programs = large_problems.write_samples(tmp_path / "samples.jsonl", SAMPLES)
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "bench.resident",
        tmp_path / "peak",
        "ssd_harness",
        "score",
        tmp_path / "samples.jsonl",
        "--data",
        tmp_path,
        "--out",
        out,
    ]
    done = {}

    def run():
        start = time.perf_counter()
        environment = {**os.environ, "SSD_HARNESS_HOME": str(tmp_path / "home")}
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
        process = subprocess.Popen([*map(str, command)], env=environment, stdout=subprocess.DEVNULL)
        largest = 0
        while process.returncode is None:
            largest = max(largest, _resident(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
            else:
                time.sleep(0.2)
        done.update(seconds=time.perf_counter() - start, usage=usage, largest=largest, code=process.returncode)

    benchmark.pedantic(run, rounds=1)
    assert done["code"] == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["all"]["samples"] == summary["all"]["passed"] == programs
    usage = done["usage"]
    peak = int((tmp_path / "peak").read_text()) >> 20
    rows = table(
        f"`ssd-harness score`, {programs} programs, {programs // SAMPLES} problems with {SIZE >> 20} MB of private tests each",
        "seconds", "programs/s", "host CPU s", "peak MiB", "with children MiB", "files MB",
    )  # fmt: skip
    rows.row(
        f"{done['seconds']:.0f}",
        f"{programs / done['seconds']:.0f}",
        f"{usage.ru_utime + usage.ru_stime:.0f}",
        peak,
        done["largest"] >> 20,
        f"{written / 1e6:.0f}",
    )
    rows.note(f"peak resident memory {peak} MiB (goal {_GOAL_MIB})")
    benchmark.extra_info.update(peak_mib=peak, seconds=done["seconds"])


def _resident(pid):
    """Return what a process and its descendants hold in memory right now, in bytes; slots are no children of ours."""
    import psutil

    try:
        process = psutil.Process(pid)
        return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])
    except psutil.Error:
        return 0
