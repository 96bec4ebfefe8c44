import csv
import json
import shlex
import subprocess
import sys

import pytest

pytest.importorskip("trl")

from ssd_harness.cli.main import main
from ssd_harness.errors import ExitCode

pytestmark = [pytest.mark.hf, pytest.mark.slow, pytest.mark.docker]

TASK = "livecodebench_mini"


@pytest.fixture(scope="module")
def swept(command, tiny_model, docker_sandbox):
    """A sweep in which the training of one seed fails, and what it printed."""
    words = ["sweep", tiny_model, *command.quick, "--tasks", TASK, "--axis", "T_eval=0.5,1.0", "--seeds", "0,666"]
    words += ["--limit", "2", "--repeats", "5", "--jobs", "2", "--out", command.folder / "sweep"]
    out, said = command(*words, code=3)
    return words, command.folder / "sweep", out, said


def test_a_failed_training_is_named_and_the_rest_goes_on(swept):
    _, folder, out, said = swept
    table = json.loads((folder / "table.json").read_text())
    assert [(row["point"], row["seeds"]) for row in table["rows"]] == [({"T_eval": 0.5}, [0]), ({"T_eval": 1.0}, [0])]
    assert sorted(table["failed"]) == ["T_eval=0.5 seed=666", "T_eval=1 seed=666"]
    assert all("no luck" in error for error in table["failed"].values())
    assert "2 of 4 cells failed" in said
    assert said.count("for 2 of 4 cells; log:") == 2  # one training a seed, shared by its decodings
    assert out.count("- failed: T_eval=") == 2
    with (folder / "table.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["T_train"], row["T_eval"], row["T_eff"]) for row in rows] == [
        ("1.5", "0.5", "0.75"),
        ("1.5", "1.0", "1.5"),
    ]
    assert "| SSD | 1.5 / 20 / 0.8 | 0.5 / 20 / 0.8 | 0.75 |" in (folder / "table.md").read_text()


def test_the_comparison_that_it_suggests_runs_as_it_is(swept, command):
    _, _, _, said = swept
    (line,) = [line for line in said.splitlines() if line.startswith("compare: ")]
    program, *words = shlex.split(line.removeprefix("compare: "))
    assert program == "ssd-harness"
    out, _ = command(*words)
    assert "over 2 problems" in out


def rows_of(folder):
    (samples,) = folder.rglob(f"samples_{TASK}_*.jsonl")
    return [(row["doc_id"], row["resps"], row["filtered_resps"]) for row in map(json.loads, samples.open())]


def test_a_cell_equals_the_ordinary_command(swept, command, tmp_path):
    _, folder, _, _ = swept
    # The second one of its process: nothing of the first may be left in it.
    (second,) = (folder / "cells").glob("T_eval1-seed0-*")
    arguments = json.loads((second / "evaluation.json").read_text())["arguments"]
    arguments[arguments.index("--output_path") + 1] = str(tmp_path / "alone")
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", *arguments], env=command.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert rows_of(second) == rows_of(tmp_path / "alone")
    assert rows_of(second) != rows_of(next((folder / "cells").glob("T_eval0.5-seed0-*")))


def test_the_dry_run_knows_what_is_there(swept, command):
    words, folder, _, _ = swept
    half = next((folder / "cells").glob("T_eval0.5-seed0-*"))
    (half / "evaluation.json").unlink()
    lines = command(*words, "--dry-run")[0].splitlines()
    states = {line[24:].split("  ")[1]: line[:24].strip() for line in lines[:-1]}
    assert states == {
        "T_eval=0.5 seed=0": "to evaluate",
        "T_eval=0.5 seed=666": "to train and evaluate",
        "T_eval=1 seed=0": "done",
        "T_eval=1 seed=666": "to train and evaluate",
    }
    assert lines[-1] == "4 cells: 3 to evaluate, 1 to train"


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_an_unknown_task_is_refused_before_anything_is_trained(state, capsys, tmp_path, more):
    words = ["sweep", "demo", "--tasks", "livecodebench_mini,livecodebench_mino", "--preset", "grid", *more]
    assert main([*words, "--out", str(tmp_path / "out")]) == ExitCode.USAGE
    assert "no task is called 'livecodebench_mino'; did you mean 'livecodebench_mini'?" in capsys.readouterr().err
    assert not (state / "training").exists()
