"""lm-eval's own fields name what was evaluated, and how."""

import logging
from types import SimpleNamespace

import pytest

from ssd_harness.harness.patches import result_fields
from ssd_harness.harness.run_context import ParsedArguments


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


T1 = {"until": [], "do_sample": True, "temperature": 1.4, "top_k": 20, "top_p": 0.8, "max_gen_toks": 256}


def ssd_results(tasks, own):
    about = {
        "checkpoint": "demo-1",
        "device": {"used": "cpu", "given": None},
        "generations": {"decoding": {key: {} for key in own}},
    }
    configs = {name: {"generation_kwargs": used} for name, used in tasks.items()}
    config = {"model_args": {"pretrained": "demo"}, "gen_kwargs": {"top_k": 20}, "device": None, "ssd": about}
    return {"configs": configs, "config": config}


def test_the_decoding_and_the_device_that_were_used_are_in_lm_evals_own_fields():
    results, command = ssd_results({"a": T1}, ["a"]), ParsedArguments(SimpleNamespace(), device_given=False)
    result_fields.complete(results, Tracker(), command)
    config = results["config"]
    assert config["gen_kwargs"] == T1
    assert config["device"] == "cpu"
    assert config["ssd"]["gen_kwargs"] == {"top_k": 20}
    assert command.config.gen_kwargs == T1  # from which lm-eval prints the line above its table
    assert command.config.model_args == {"pretrained": "ssd:demo-1"}


def test_of_several_tasks_the_decoding_that_they_share_is_told():
    results = ssd_results({"a": T1, "b": T1 | {"max_gen_toks": 9}}, ["a", "b"])
    result_fields.complete(results, Tracker())
    assert results["config"]["gen_kwargs"] == {key: value for key, value in T1.items() if key != "max_gen_toks"}
    results = ssd_results({"a": T1, "arithmetic": {"until": ["."]}}, ["a"])  # lm-eval draws for the other one
    result_fields.complete(results, Tracker())
    assert results["config"]["gen_kwargs"] == {"top_k": 20}


def test_lm_evals_tables_mark_a_task_on_other_data_and_its_groups():
    from lm_eval.utils import make_table

    tasks = {"v6": SimpleNamespace(mark="not the official data"), "v5": SimpleNamespace(mark=None), "other": object()}
    rows = {name: {"alias": name, "acc,none": 0.5} for name in ("all", "ours", *tasks)}

    class Evaluator:
        @staticmethod
        def evaluate(task_dict):
            groups = {name: rows[name] for name in ("all", "ours")}
            members = {"all": ["ours", "other"], "ours": ["v6", "v5"]}
            return {"results": rows, "groups": groups, "group_subtasks": members, "versions": {}}

    result_fields.wrap_evaluate(Evaluator)
    found = Evaluator.evaluate({"tasks": tasks, "groups": {}})
    for column, marked in (("results", 3), ("groups", 2)):
        table = make_table(found, column)
        assert table.count("(not the official data)") == marked
    assert found["results"]["v5"]["alias"] == "v5"


def test_lm_evals_line_about_a_decoding_that_is_replaced_is_left_out(caplog):
    logger = logging.getLogger("lm_eval.evaluator")
    with caplog.at_level(logging.INFO, logger="lm_eval.evaluator"):
        with result_fields.without_decoding_line(("ours",)):
            logger.info("ours: Using gen_kwargs: {}")
            logger.info("theirs: Using gen_kwargs: {}")
        logger.info("ours: Using gen_kwargs: {'temperature': 1}")
    assert [record.getMessage() for record in caplog.records] == [
        "theirs: Using gen_kwargs: {}",
        "ours: Using gen_kwargs: {'temperature': 1}",
    ]
