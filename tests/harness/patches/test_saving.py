"""lm-eval's own tracker writing to a disk that is full, and pushing to a Hub that refuses."""

import logging

import pytest
from lm_eval.loggers import EvaluationTracker

from ssd_harness.harness.patches import saving
from ssd_harness.harness.run_context import Command


@pytest.fixture
def watched():
    def watched(path, **changes):
        tracker, command = EvaluationTracker(output_path=str(path)), Command()
        for name, value in changes.items():
            setattr(tracker, name, value)
        tracker.general_config_tracker.model_name_sanitized = "model"
        saving.watch(tracker, command)
        return tracker, command

    return watched


def sample():
    return {"arguments": [["q", {}]], "resps": [["a"]], "filtered_resps": [["a"]], "target": ""}


RESULTS = {"results": {"t": {"pass@1,none": 0.5}}, "config": {}}


@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
def test_a_failure_is_noticed_whatever_is_shown(watched, tmp_path, level):
    logger = logging.getLogger("lm_eval.loggers.evaluation_tracker")
    before = logger.level
    logger.setLevel(level)
    try:
        tracker, command = watched(tmp_path / "run.json", date_id="now")
        (tmp_path / "samples_t_now.jsonl").symlink_to("/dev/full")
        tracker.save_results_samples("t", [sample()])
        assert (logger.level, logger.propagate) == (level, True)
    finally:
        logger.setLevel(before)
    assert "could not write its results: No space left on device" in str(command.save_error)
    assert command.save_error.exit_code == 3


@pytest.mark.parametrize("path", ["run.json", "out"])
def test_what_is_written_is_no_failure(watched, tmp_path, path):
    tracker, command = watched(tmp_path / path)
    tracker.save_results_aggregated(dict(RESULTS), {})
    tracker.save_results_samples(task_name="t", samples=[sample(), sample()])
    assert len(list(tmp_path.rglob("*.json*"))) == 2
    assert command.save_error is None


def test_a_folder_that_cannot_be_made_is_named(watched, tmp_path):
    (tmp_path / "out").write_text("a file")
    tracker, command = watched(tmp_path / "out")
    tracker.save_results_aggregated(dict(RESULTS))
    assert f"lm_eval could not write its results: Not a directory [{tmp_path / 'out'}]" in str(command.save_error)
    first = command.save_error
    tracker.save_results_samples("t", [sample()])
    assert command.save_error is first


def test_half_a_file_is_a_failure(watched, tmp_path, monkeypatch):
    """As a disk that fills up while lm-eval writes, and has room again a moment later."""
    tracker, command = watched(tmp_path / "out")
    (tmp_path / "out").mkdir()
    write = type(tmp_path).write_text
    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "write_text", lambda self, text, **more: write(self, text[:20], **more))
        tracker.save_results_aggregated(dict(RESULTS))
    assert "could not write its results: its log above says why" in str(command.save_error)
    (file,) = (tmp_path / "out").rglob("results_*.json")
    assert len(file.read_text()) == 20
    command.save_error = None
    tracker.save_results_samples("t", [sample(), {}])  # lm-eval fails on the second
    assert "could not write its results" in str(command.save_error)
    (file,) = (tmp_path / "out").rglob("samples_*.jsonl")
    assert len(file.read_bytes().splitlines()) == 1


class Hub:
    """A Hub that takes no file."""

    def create_repo(self, **_):
        pass

    def upload_file(self, **_):
        raise ConnectionError("403 Forbidden")


def test_what_the_hub_refuses_is_a_failure(watched, tmp_path):
    tracker, command = watched(tmp_path / "out", api=Hub(), push_results_to_hub=True)
    tracker.save_results_aggregated(dict(RESULTS))
    assert "could not push its results to the Hub: ConnectionError: 403 Forbidden" in str(command.save_error)
    assert list(tmp_path.rglob("results_*.json"))


def test_no_tracker_and_no_output_path_are_nothing_to_watch():
    saving.watch(None, Command())
    tracker, command = EvaluationTracker(), Command()
    saving.watch(tracker, command)
    tracker.save_results_aggregated(dict(RESULTS))
    assert command.save_error is None
