"""lm-eval's own tracker writing to a disk that is full."""

import logging

import pytest
from lm_eval.loggers import EvaluationTracker

from ssd_harness.harness.bridge import saving


@pytest.fixture
def tracker(tmp_path):
    def make(path):
        tracker = EvaluationTracker(output_path=str(path))
        saving.watch(tracker)
        return tracker

    yield make
    saving.take_failure()


SAMPLE = {"arguments": [["q", {}]], "resps": [["a"]], "filtered_resps": [["a"]], "target": ""}


@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
def test_a_failure_is_noticed_whatever_is_shown(tracker, tmp_path, level):
    logger = logging.getLogger("lm_eval.loggers.evaluation_tracker")
    before = logger.level
    logger.setLevel(level)
    try:
        watched = tracker(tmp_path / "run.json")
        watched.date_id = "now"
        (tmp_path / "samples_t_now.jsonl").symlink_to("/dev/full")
        watched.save_results_samples("t", [SAMPLE])
        assert (logger.level, logger.propagate) == (level, True)
    finally:
        logger.setLevel(before)
    failure = saving.take_failure()
    assert "could not write its results: OSError(28, 'No space left on device')" in str(failure)
    assert failure.exit_code == 3
    assert saving.take_failure() is None


def test_what_is_written_is_no_failure(tracker, tmp_path):
    watched = tracker(tmp_path / "run.json")
    watched.date_id = "now"
    watched.save_results_samples("t", [SAMPLE])
    assert (tmp_path / "samples_t_now.jsonl").stat().st_size
    assert saving.take_failure() is None


def test_no_tracker_is_no_matter():
    saving.watch(None)
    assert saving.take_failure() is None
