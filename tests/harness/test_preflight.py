"""What a run needs at its end is looked for at its start."""

import os
import pty
import subprocess
import sys

import pytest

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.harness import preflight
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.sandbox.interface import ImageMissing

OURS = EvaluationRequest(tasks=("livecodebench_v6",), own_tasks=("livecodebench_v6",))


class Unbuilt:
    """A sandbox whose image is missing until it has been built."""

    def __init__(self):
        self.built = False

    def check(self):
        if not self.built:
            raise ImageMissing("the image is not built", next_step="run `ssd-harness sandbox build`")


@pytest.fixture
def unbuilt(monkeypatch, tmp_path):
    sandbox = Unbuilt()
    monkeypatch.setattr(plugin_manager, "lookup", lambda kind, name: kind(name, lambda: sandbox))
    monkeypatch.setattr(preflight, "_build", lambda name: setattr(sandbox, "built", True))
    monkeypatch.delenv("SSD_HARNESS_AUTOBUILD", raising=False)
    monkeypatch.setenv("SSD_HARNESS_HOME", str(tmp_path / "home"))
    return sandbox


def test_a_missing_image_is_built_where_the_environment_says_so(unbuilt, monkeypatch):
    monkeypatch.setenv("SSD_HARNESS_AUTOBUILD", "1")
    preflight.check_sandbox("docker")
    assert unbuilt.built


def test_a_missing_image_is_an_error_that_names_the_command_where_nobody_can_be_asked(unbuilt):
    with pytest.raises(InfrastructureError, match="ssd-harness sandbox build"):
        preflight.check_sandbox("docker")


@pytest.mark.process
@pytest.mark.parametrize(("answer", "build"), [("\n", True), ("y\n", True), ("n\n", False), ("\x04", False)])
def test_on_a_terminal_the_user_is_asked(answer, build):
    terminal, user = pty.openpty()
    os.write(terminal, answer.encode())
    program = "from ssd_harness.harness import preflight; print(preflight._may_build('docker'))"
    settings = {name: value for name, value in os.environ.items() if name != "SSD_HARNESS_AUTOBUILD"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdin=user,
        stdout=subprocess.PIPE,
        stderr=user,
        text=True,
        timeout=60,
        env=settings,
    )
    os.close(user)
    os.close(terminal)
    assert done.stdout.strip() == str(build)


def test_an_unknown_sandbox_lists_the_known_ones():
    with pytest.raises(UsageError, match=r"no sandbox is called 'dcoker'.*docker"):
        preflight.check_sandbox("dcoker")


def test_a_misspelt_option_comes_before_everything(unbuilt):
    request = EvaluationRequest(tasks=OURS.tasks, own_tasks=OURS.own_tasks, metadata={"judgge": "lcb"})
    with pytest.raises(UsageError, match="did you mean 'judge'"):
        preflight.run(request, own_model=False)


def test_metadata_of_other_tasks_in_the_run_is_not_ours_to_judge(unbuilt):
    request = EvaluationRequest(
        tasks=("ruler", *OURS.tasks), own_tasks=OURS.own_tasks, metadata={"max_seq_lengths": [4096]}
    )
    with pytest.raises(ImageMissing):
        preflight.run(request, own_model=False)


def test_predictions_alone_need_data_but_no_sandbox(unbuilt, tmp_path, monkeypatch):
    monkeypatch.setenv("SSD_LCB_DATA", str(tmp_path))
    request = EvaluationRequest(tasks=OURS.tasks, own_tasks=OURS.own_tasks, predict_only=True)
    with pytest.raises(InfrastructureError, match=r"test6\.jsonl"):
        preflight.run(request, own_model=False)


def test_other_tasks_need_nothing(unbuilt, monkeypatch, tmp_path):
    monkeypatch.setenv("SSD_LCB_DATA", str(tmp_path / "absent"))
    preflight.run(EvaluationRequest(tasks=("gsm8k",)), own_model=False)


def test_our_model_names_the_extra_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(preflight, "TRANSFORM_PACKAGES", ("json", "no_such_package"))
    with pytest.raises(UsageError, match=r"not installed: no_such_package.*ssd-harness\[hf\]"):
        preflight.run(EvaluationRequest(tasks=("gsm8k",)), own_model=True)


@pytest.mark.parametrize(
    ("asked", "ranks", "says"),
    [
        ({"limit": 0}, 1, "leaves 0 problems of mini for 1 process;"),
        ({"limit": 3}, 4, "leaves 3 problems of mini for 4 processes; take more problems, or fewer"),
        ({"limit": 0.1}, 5, "leaves 4 problems"),
        ({"samples": {"mini": [0]}}, 2, "leaves 1 problems"),
        ({"samples": {"mini": []}}, 1, "leaves 0 problems"),
        ({"samples": {"mini": [0, 36]}}, 1, "no problem 36; choose from 0 to 35"),
        ({"samples": {"mini": [-1]}}, 1, "no problem -1"),
        ({}, 37, "the window leaves 36"),
    ],
)
def test_too_few_problems_are_refused(asked, ranks, says):
    with pytest.raises(UsageError, match=says):
        preflight.check_count("mini", EvaluationRequest(**asked), 36, ranks)


@pytest.mark.parametrize(
    "asked", [{}, {"limit": 4}, {"limit": 0.1}, {"limit": 99}, {"samples": {"mini": [0, 5, 9, 35]}}]
)
def test_a_problem_for_each_rank_is_enough(asked):
    preflight.check_count("mini", EvaluationRequest(**asked), 36, 4)
