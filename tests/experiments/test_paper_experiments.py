"""The paper's experiments on the embedded model, trained for a few steps: enough for each effect to show its sign."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("trl")

pytestmark = [pytest.mark.hf, pytest.mark.slow, pytest.mark.docker, pytest.mark.timeout(900)]

SMALL = ["demo", "steps=20", "prompt_limit=96", "--tasks", "livecodebench_mini", "--repeats", "4"]
OWN, TRUNCATED = [1.0, None, 1.0], [1.4, 20, 0.8]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory, docker_sandbox):
    """Run a sweep and return its rows by (T, top-k, top-p) of training and decoding; checkpoints are shared."""
    folder = tmp_path_factory.mktemp("paper")
    environment = {**os.environ, "SSD_HARNESS_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}

    def run(*words):
        command = [sys.executable, "-m", "ssd_harness", "sweep", *SMALL, *words, "--out", folder / "out"]
        done = subprocess.run([*command, "--name", "table"], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        rows = json.loads((folder / "out" / "table.json").read_text())["rows"]
        return {(repr(row["train"]), repr(row["decode"])): row for row in rows}

    return run


@pytest.fixture(scope="module")
def controls(sweep):
    return sweep("--preset", "decode-only", "--axis", "T_base=1.0", "--preset", "null", "--preset", "bad-data")


def row(rows, train, decode):
    return rows[repr(train), repr(decode)]


def gain(rows, train, decode):
    """Return the paired difference to the base model at its own decoding, with its interval."""
    return row(rows, train, decode)["difference"]["1"]


def test_decoding_alone_finds_truncation_better_than_none(controls):
    assert gain(controls, None, [1.0, 20, 0.8])["low"] > 0


def test_training_on_its_own_distribution_changes_nothing_that_can_be_measured(controls):
    change = gain(controls, OWN, OWN)
    assert change["low"] < 0 < change["high"]


def test_training_on_truncated_samples_gains_and_on_bad_ones_does_not(controls):
    recipe, bad = [1.0, 20, 0.8], [2.0, None, 1.0]
    assert gain(controls, recipe, TRUNCATED)["low"] > 0
    assert gain(controls, bad, TRUNCATED)["mean"] < gain(controls, recipe, TRUNCATED)["mean"] - 0.1


def test_the_two_temperatures_compose(sweep, controls):
    rows = sweep("--preset", "grid", "--axis", "T_train=1.0,1.5", "--axis", "T_eval=0.7,1.8")
    assert len(rows) == 5
    hot = [1.5, 20, 0.8]
    assert row(rows, hot, [0.7, 20, 0.8])["T_eff"] == pytest.approx(1.05)
    # Far above T_eff 1, whatever the training: too hot.
    for train in ([1.0, 20, 0.8], hot):
        cool, warm = (gain(rows, train, [T_eval, 20, 0.8])["mean"] for T_eval in (0.7, 1.8))
        assert cool > warm + 0.05
