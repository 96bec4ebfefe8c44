"""What it takes to index the benchmark's 4.5 GB, and to open them afterwards, each in a process of its own.

``pytest tests/bench/bench_store.py -o python_files='bench_*.py' -s``; it writes 4.5 GB below the
temporary folder.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench import big_data

_GOAL_MIB, _GOAL_SECONDS = 1024, 0.2
_OPEN = """
import json, sys, time
started = time.perf_counter()
from pathlib import Path
from ssd_harness.livecodebench.releases import select
from ssd_harness.livecodebench.store import open_store
from bench.resident import peak_bytes
imported = time.perf_counter()
cpu = time.process_time()
store = open_store(select("v6"), Path(sys.argv[1]))
opened = time.perf_counter()
found = {"problems": len(store.problems), "seconds": opened - imported, "with_imports": opened - started}
found |= {"cpu": time.process_time() - cpu, "peak": peak_bytes() / 2**20}
if len(sys.argv) > 2:
    store.tests(sys.argv[2])
    found["decoding"] = time.perf_counter() - opened
print(json.dumps({**found, "peak_after": peak_bytes() / 2**20}))
"""


@pytest.mark.timeout(3600)
def test_the_whole_release(benchmark, table, tmp_path):
    written = big_data.write(tmp_path / "data")
    environment = {
        **os.environ,
        "SSD_HARNESS_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }

    def run(*words):
        command = [sys.executable, "-c", _OPEN, str(tmp_path / "data"), *words]
        return json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)

    built = benchmark.pedantic(run, rounds=1)
    opened = sorted((run() for _ in range(5)), key=lambda found: found["seconds"])[2]
    largest = run("test4_50")
    shown = table(f"problem store, {written / 1e9:.1f} GB", "step", "wall s", "with imports", "CPU s", "peak MiB")
    for name, found in (("build", built), ("open (median of 5)", opened)):
        numbers = (f"{found[key]:.2f}" for key in ("seconds", "with_imports", "cpu"))
        shown.row(name, *numbers, f"{found['peak']:.0f}")
    shown.row("decode the largest row", f"{largest['decoding']:.2f}", "", "", f"{largest['peak_after']:.0f}")
    shown.note(f"goals: build under {_GOAL_MIB} MiB, open under {_GOAL_SECONDS} s")
    assert built["problems"] == opened["problems"] == 1055
    assert built["peak"] < _GOAL_MIB
    assert opened["seconds"] < _GOAL_SECONDS
