"""Task folders as users write them, lm-eval's own index over them, and the command in a process of its own."""

import os
import subprocess
import sys

import pytest

OWN = "class: !function ssd_harness.harness.task.livecodebench_task.LivecodebenchTask"


@pytest.fixture
def task_folder(tmp_path):
    """Write YAML files; each keyword is a file name, each value its text."""

    def write(name, **files):
        folder = tmp_path / name
        folder.mkdir()
        for stem, text in files.items():
            (folder / f"{stem}.yaml").write_text(text)
        return folder

    return write


@pytest.fixture
def index(task_folder):
    from lm_eval.tasks._index import TaskIndex

    folder = task_folder(
        "mixed",
        v6=f"task: lcb_v6\ntag: lcb\n{OWN}\n",
        v5=f"task: lcb_v5\ntag: lcb\n{OWN}\n",
        foreign="task: arithmetic\ntag: maths\n",
        dangerous="task: dangerous\nunsafe_code: true\n",
        stranger="task: lcb_of_others\nclass: !function utils.Task\n",
        own_group="group: lcb_all\ntask: [lcb_v6, lcb_v5]\n",
        mixed_group="group: mixed\ntask: [lcb_v6, arithmetic]\n",
        nested="group: nested\ntask: [lcb_all]\n",
    )
    return TaskIndex.build([folder])


@pytest.fixture
def run(tmp_path):
    """Run a command in an empty folder; lm-eval is told to stay off the network."""

    def run(*command, **environment):
        settings = {**os.environ, "SSD_HARNESS_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
        for name in ("SSD_HARNESS_NO_HOOK", "SSD_HARNESS_SANDBOX", "SSD_LCB_DATA"):
            settings.pop(name, None)
        return subprocess.run(
            [sys.executable, *map(str, command)],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=tmp_path,
            env=settings | environment,
        )

    return run


GOOD = {
    "--model": "ssd-hf",
    "--model_args": "pretrained=demo",
    "--tasks": "livecodebench_mini",
    "--limit": "2",
    "--predict_only": None,
    "--output_path": "out",
}


DRAWN = {"generations", "samples", "training", "models"}
"""What stands in the state folder once something has been drawn or trained."""


class Sampled(BaseException):
    """The run got as far as its first sample."""


@pytest.fixture
def _without_trackers(monkeypatch):
    for package in ("trackio", "wandb"):
        monkeypatch.setitem(sys.modules, package, None)


@pytest.fixture
def lm_eval_ends(state, tmp_path, monkeypatch, capsys, _without_trackers):
    """Run ``lm_eval`` with changed arguments in this process; return its exit code and its last line."""
    from lm_eval.__main__ import cli_evaluate

    from ssd_harness.distill import pipeline
    from ssd_harness.harness import patches

    patches.activate()

    def sample(*_):
        raise Sampled

    monkeypatch.setattr(pipeline, "run", sample)
    (tmp_path / "FILE").write_text("a file\n")
    monkeypatch.chdir(tmp_path)

    def run(changes, without=None):
        given = {name: value for name, value in {**GOOD, **changes}.items() if name != without}
        if "--samples" in changes or without == "--samples":
            del given["--limit"]  # lm-eval takes one of them
        words = [word for pair in given.items() for word in pair if word is not None]
        monkeypatch.setattr(sys, "argv", ["lm_eval", "run", *words])
        try:
            cli_evaluate()
            code = 0
        except Sampled:
            code = "sampled"
        except SystemExit as end:
            code = end.code
        printed = run.printed = capsys.readouterr().err
        assert code == "sampled" or not DRAWN.intersection(entry.name for entry in state.glob("*"))
        return code, (printed.strip().splitlines() or [""])[-1]

    return run
