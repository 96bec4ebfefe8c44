"""lm-eval's own fields name what was evaluated, and how."""

import logging

import pytest

from ssd_harness.bridge import result_fields


class General:
    model_name = model_name_sanitized = "demo"


class Tracker:
    def __init__(self):
        self.general_config_tracker = General()


@pytest.mark.parametrize(
    ("about", "name", "folder"),
    [
        ({"checkpoint": "demo-1", "base": {"name": "demo"}}, "ssd:demo-1", "ssd__demo-1"),
        ({"base": {"name": "org/demo"}}, "org/demo", "org__demo"),
    ],
)
@pytest.mark.parametrize("given", [{"pretrained": "demo", "steps": 2}, "pretrained=demo,steps=2"])
def test_the_evaluated_model_is_named_not_the_given_one(about, name, folder, given):
    tracker, results = Tracker(), {"config": {"model_args": given, "ssd": about}}
    result_fields.complete(results, tracker)
    general = tracker.general_config_tracker
    assert (general.model_name, general.model_name_sanitized) == (name, folder)
    expected = {"pretrained": name, "steps": 2} if isinstance(given, dict) else f"pretrained={name},steps=2"
    assert results["config"]["model_args"] == expected
    assert results["config"]["ssd"]["model_args"] == given


def test_results_of_other_models_stay_as_they_are():
    results = {"config": {"model_args": {"pretrained": "gpt2"}}}
    result_fields.complete(results, Tracker())
    assert results == {"config": {"model_args": {"pretrained": "gpt2"}}}


def test_lm_evals_line_about_a_decoding_that_is_replaced_is_left_out(caplog):
    logger = logging.getLogger("lm_eval.evaluator")
    with caplog.at_level(logging.INFO, logger="lm_eval.evaluator"):
        with result_fields.one_decoding_line(("ours",)):
            logger.info("ours: Using gen_kwargs: {}")
            logger.info("theirs: Using gen_kwargs: {}")
        logger.info("ours: Using gen_kwargs: {'temperature': 1}")
    assert [record.getMessage() for record in caplog.records] == [
        "theirs: Using gen_kwargs: {}",
        "ours: Using gen_kwargs: {'temperature': 1}",
    ]
