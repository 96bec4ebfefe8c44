import functools
from types import SimpleNamespace

import pytest
from lm_eval.config import evaluate_config

from ssd_harness.errors import UsageError
from ssd_harness.harness import patches
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.patches import evaluation, flag_checks


def test_tasks_are_expanded_and_told_apart(index):
    request = evaluation.request_of({"model": "hf", "tasks": ["mixed", "lcb"]}, index)
    assert request.tasks == ("lcb_v6", "arithmetic", "lcb_v5")
    assert request.own_tasks == ("lcb_v6", "lcb_v5")


def test_a_users_variant_of_our_task_is_ours(index):
    variant = {"task": "my_lcb", "class": EvaluationRequest}  # any class of this package
    request = evaluation.request_of({"model": "hf", "tasks": [variant, {"task": "arithmetic"}]}, index)
    assert request.tasks == ("my_lcb", "arithmetic")
    assert request.own_tasks == ("my_lcb",)


def test_metadata_is_what_the_user_wrote_without_the_model_args_that_lm_eval_merges_in(index):
    arguments = {"model": "hf", "tasks": ["lcb"], "model_args": {"pretrained": "demo", "window": "v5"}}
    merged = arguments["model_args"] | {"window": "v6", "judge": "stdio"}
    assert evaluation.request_of(arguments | {"metadata": merged}, index).metadata == {"window": "v6", "judge": "stdio"}
    assert evaluation.request_of(arguments | {"metadata": arguments["model_args"]}, index).metadata == {}


@pytest.mark.parametrize("given", ["temperature=0.5,top_k=3", {"temperature": 0.5, "top_k": 3}])
def test_decoding_is_what_the_user_wrote(index, given):
    request = evaluation.request_of({"model": "hf", "tasks": ["lcb"], "gen_kwargs": given}, index)
    assert request.gen_kwargs == {"temperature": 0.5, "top_k": 3}


def test_nothing_asked_is_nothing(index):
    assert evaluation.request_of({"model": "hf"}, index) == EvaluationRequest()


def check(index, own_model=False, **arguments):
    arguments = {"model": "ssd-hf" if own_model else "hf", "tasks": ["lcb_v6"]} | arguments
    flag_checks.check(evaluation.request_of(arguments, index), arguments, index, own_model=own_model)


@pytest.mark.parametrize(
    "arguments",
    [
        {"use_cache": "/tmp/answers"},
        {"cache_requests": True},
        {"samples": {"lcb_v6": [3, 1]}},
        {"samples": {"lcb_v6": [1, 1, 3]}},
    ],
)
def test_what_lm_eval_gets_wrong_with_samples_is_refused(index, arguments):
    with pytest.raises(UsageError, match="lcb_v6"):
        check(index, **arguments)
    check(index, **(arguments | {"tasks": ["arithmetic"]}))


def test_samples_of_a_task_that_is_not_asked_for_are_refused(index):
    with pytest.raises(UsageError, match=r"lcb_v5.*name one of lcb_v6"):
        check(index, samples={"lcb_v5": [1]})


def test_unsafe_tasks_are_refused_before_the_fine_tuning_not_after_it(index):
    with pytest.raises(UsageError, match=r"dangerous.*--confirm_run_unsafe_code"):
        check(index, own_model=True, tasks=["dangerous"])
    check(index, own_model=True, tasks=["dangerous"], confirm_run_unsafe_code=True)
    check(index, own_model=False, tasks=["dangerous"])  # lm-eval's own affair


def test_our_tasks_need_no_further_flag(index):
    check(index, own_model=True, samples={"lcb_v6": [1, 3]})


def test_a_response_cache_under_our_model_gets_a_warning(index, caplog):
    check(index, own_model=True, tasks=["arithmetic"], use_cache="/tmp/answers")
    assert "not the checkpoint" in caplog.text


@pytest.mark.hf
@pytest.mark.parametrize("given", ["pretrained=demo,device=cpu", {"pretrained": "demo", "device": "cpu"}])
def test_a_device_among_the_model_args_of_our_models_decides(index, given):
    class Evaluator:
        @staticmethod
        def simple_evaluate(model, model_args=None, tasks=None, device=None, task_manager=None):
            return model_args, device

    evaluation.wrap_simple_evaluate(Evaluator)
    manager = SimpleNamespace(task_index=index)
    ask = functools.partial(Evaluator.simple_evaluate, model_args=given, device="cuda:0", task_manager=manager)
    assert ask("ssd-hf") == ({"pretrained": "demo"}, "cpu")
    assert ask("hf") == (given, "cuda:0")


@pytest.mark.hf
@pytest.mark.parametrize(
    ("words", "in_file", "handed"),
    [
        ((), "", None),
        (("--device", "cuda:0"), "", "cuda:0"),
        (("--device", "cuda:1"), "", "cuda:1"),
        ((), "device: cuda:0", "cuda:0"),
        ((), "device: cpu", "cpu"),
    ],
)
def test_the_default_of_lm_evals_command_line_is_no_given_device(index, tmp_path, words, in_file, handed):
    class Evaluator:
        @staticmethod
        def simple_evaluate(model, model_args=None, tasks=None, device=None, task_manager=None):
            return device

    from lm_eval._cli.harness import HarnessCLI  # as lm_eval's command reads its words, with our hook

    patches.activate()
    if in_file:
        (tmp_path / "run.yaml").write_text(f"tasks: [arithmetic]\n{in_file}\n")
        words = (*words, "--config", str(tmp_path / "run.yaml"))
    evaluation.wrap_simple_evaluate(Evaluator)
    ask = functools.partial(Evaluator.simple_evaluate, task_manager=SimpleNamespace(task_index=index))

    def read():
        namespace = HarnessCLI()._parser.parse_args(["run", "--model", "ssd-hf", "--tasks", "arithmetic", *words])
        return evaluate_config.EvaluatorConfig.from_cli(namespace).device

    device = read()
    assert device == (handed or "cuda:0")
    assert ask("ssd-hf", device=device) == handed
    read()
    assert ask("hf", device=device) == device
    # A program that calls lm-eval without any command line gives what it gives.
    assert ask("ssd-hf", device="cuda:0") == "cuda:0"
