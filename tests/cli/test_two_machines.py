"""Generate where there is no engine, judge where there is one: the guide's two commands, and the same verdicts as at once."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

pytestmark = [pytest.mark.hf, pytest.mark.slow, pytest.mark.docker]

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "judge-elsewhere.md"


def commands():
    """Return the guide's two commands, for the embedded model and four small problems."""
    section = GUIDE.read_text().partition("## Two machines\n")[2].partition("\n## ")[0]
    lines = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    small = {"MODEL": "demo,rounds=0", "livecodebench_v6": "livecodebench_mini", "--release v6": "--release mini"}
    small |= {"--window v6": "--window all"}
    found = []
    for program in ("lm_eval", "ssd-harness score"):
        (line,) = [line for line in lines if line.startswith(program)]
        for word, other in small.items():
            line = line.replace(word, other)
        found.append(shlex.split(line))
    return found


def run(words, folder, **environment):
    folder.mkdir(exist_ok=True)
    settings = {**os.environ, "SSD_HARNESS_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    settings.pop("SSD_HARNESS_SANDBOX", None)
    program = {"lm_eval": "lm_eval", "ssd-harness": "ssd_harness"}[words[0]]
    done = subprocess.run(
        [sys.executable, "-m", program, *words[1:]],
        capture_output=True,
        text=True,
        timeout=400,
        cwd=folder,
        env=settings | environment,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.usefixtures("docker_sandbox")
def test_the_guides_two_commands_give_the_verdicts_of_one(tmp_path):
    generate, judge = commands()
    small = ["--limit", "4", "--metadata", '{"repeats": 3}', "--seed", "11"]
    nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock", "SSD_HARNESS_LEASES": "/nowhere"}
    run([*generate, *small], tmp_path / "gpus", **nowhere)
    (samples,) = (tmp_path / "gpus" / "OUT").rglob("samples_*.jsonl")
    (tmp_path / "judge").mkdir()
    shutil.copy(samples, tmp_path / "judge" / "SAMPLES.jsonl")
    run(judge, tmp_path / "judge")
    summary = json.loads((tmp_path / "judge" / "SCORED" / "summary.json").read_text())
    verdicts = [
        json.loads(line) for line in (tmp_path / "judge" / "SCORED" / "verdicts.jsonl").read_text().splitlines()
    ]
    assert len(verdicts) == 12

    at_once = [word for word in generate if word != "--predict_only"]
    done = run([*at_once, *small], tmp_path / "gpus")
    assert "12 programs scored" in done.stderr
    newest = max((tmp_path / "gpus" / "OUT").rglob("results_*.json"), key=lambda file: file.name)
    results = json.loads(newest.read_text())["results"]["livecodebench_mini"]
    assert summary["all"]["pass@1"] == pytest.approx(results["pass@1,none"])
    log = max((tmp_path / "gpus" / "OUT").rglob("samples_*.jsonl"), key=lambda file: file.name)
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    logged = [json.loads(verdict) for row in rows for verdict in row["filtered_resps"][0]]
    fields = ("question_id", "sample", "verdict", "code")
    assert sorted([row[name] for name in fields] for row in verdicts) == sorted(
        [row[name] for name in fields] for row in logged
    )
    assert run(["ssd-harness", "compare", "judge/SCORED", f"gpus={log}"], tmp_path).stdout.count("\n") >= 4
