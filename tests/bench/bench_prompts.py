"""What a prompt costs as prompts grow from 100 to 100,000: CPU time of each stage's process, and its peak memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.prompt_stages import PROBLEMS, STAGES, TOKENS, WORDS

COUNTS = (100, 1_000, 10_000, 100_000)


def stage(name, folder, count):
    environment = {**os.environ, "SSD_HARNESS_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    words = [sys.executable, "-m", "bench.prompt_stages", name, str(folder), str(count)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout) if done.stdout else None


def test_prompts(benchmark, tmp_path, table):
    title = f"Prompts of {WORDS} words, samples of {TOKENS} tokens"
    counts = [f"{count:,}" for count in COUNTS]
    time = table(f"{title}: CPU ms a prompt, start-up left out", "stage", *counts)
    memory = table(f"{title}: peak memory of the process in MB", "stage", *counts)

    def run():
        cells = {name: [] for name in STAGES}
        for count in COUNTS:
            folder = tmp_path / str(count)
            folder.mkdir()
            stage("write", folder, count)
            for name in STAGES:
                cpu_s, peak_mb = stage(name, folder, count)
                cells[name].append((1e3 * cpu_s / count, peak_mb))
                benchmark.extra_info[f"{name} {count}"] = [cpu_s, peak_mb]
            (sketch,) = (folder / "home/prompts").glob("*.parquet")
            size = sketch.stat().st_size / count
            time.note(f"{count:,} prompts: sketch of {size:,.0f} bytes a prompt, {size / WORDS:.1f} a word")
        for name, found in cells.items():
            time.row(name, *(f"{each:.3f}" for each, _ in found))
            memory.row(name, *(f"{each:.0f}" for _, each in found))
        time.note(f"guard: the sketch against {PROBLEMS} problems of 300 words")

    benchmark.pedantic(run, rounds=1)
