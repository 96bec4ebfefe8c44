"""Every argument of the command line with a bad value: refused in one line, and nothing has been sampled."""

import argparse
import inspect
import json
import sys
from dataclasses import fields

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

from bad_values import BAD_FIELDS, NOT_LOOKED_AT, listed, prompts_for

from ssd_harness.distill import pipeline
from ssd_harness.harness.patches import command_errors
from ssd_harness.recipe.definition import FIELDS
from ssd_harness.scoring.options import KEYS

pytestmark = pytest.mark.hf

MINI = "livecodebench_mini"
BAD = {
    "--tasks": ["no_such_task"],
    "--model": ["no-such-model"],
    "--limit": ["-3", "foo", "0", "nan", "inf"],
    "--num_fewshot": ["foo", "-1", "2"],
    "--batch_size": ["foo", "-4", "0", "auto:x"],
    "--max_batch_size": ["foo", "-2"],
    "--device": ["nowhere"],
    "--gen_kwargs": [
        "min_p=0",
        "temperature=-1",
        "temperature=hot",
        "temperature=nan",
        "top_k=-5",
        "top_k=2.5",
        "top_p=0",
        "top_p=1.5",
        "max_gen_toks=0",
        "max_gen_toks=99999999",
        "max_gen_toks=many",
        "do_sample=maybe",
        "until=7",
        "temprature=1",
    ],
    "--output_path": ["/proc/x", "FILE/results"],
    "--use_cache": ["FILE"],
    "--cache_requests": ["true"],
    "--samples": [
        "{",
        "no/such/file",
        "[1]",
        f'{{"{MINI}": 5}}',
        f'{{"{MINI}": ["a"]}}',
        '{"other_task": [0]}',
        f'{{"{MINI}": [99999]}}',
        f'{{"{MINI}": [2, 1]}}',
    ],
    "--apply_chat_template": ["no_such_template"],
    "--include_path": ["/no/such/folder"],
    "--seed": ["foo", "-1", "4294967296", "1,2"],
    "--verbosity": ["nonsense"],
    "--check_integrity": [None],
    "--fewshot_as_multiturn": ["true"],  # without a chat template
    "--trackio_args": ["project=x"],  # the packages are not there, see _without_trackers
    "--wandb_args": ["project=x"],
    "--metadata": ["{", "nonsense"],
    "--model_args": ["{", "nonsense"],
    "--config": ["/no/such/config.yaml"],
    "--hf_hub_log_args": ["no_such_argument=1"],
}
HARMLESS = {
    "--log_samples": "a flag",
    "--system_instruction": "any text is one",
    "--write_out": "a flag",
    "--show_config": "a flag",
    "--predict_only": "a flag",
    "--trust_remote_code": "a flag",
    "--confirm_run_unsafe_code": "a flag",
    "--wandb_config_args": "belongs to --wandb_args",
}


BAD_CLASS_ARGUMENTS = {
    "add_bos_token": ["nonsense"],
    "attn_implementation": ["nonsense", "flash_attention_2"],
    "autogptq": ["True"],
    "backend": ["seq2seq", "nonsense"],
    "cache_dir": ["5"],
    "delta": ["x"],
    "device_map": ["nonsense"],
    "dtype": ["nonsense", "int8"],
    "experts_implementation": ["nonsense"],
    "force_download": ["nonsense"],
    "gguf_file": ["x"],
    "gptqmodel": ["True"],
    "load_in_4bit": ["True", "False"],
    "load_in_8bit": ["True"],
    "local_files_only": ["nonsense"],
    "logits_cache": ["nonsense"],
    "low_cpu_mem_usage": ["nonsense"],
    "max_cpu_memory": ["nonsense"],
    "max_length": ["-5", "0", "nonsense", "2.5"],
    "max_memory": ["nonsense"],
    "max_memory_per_gpu": ["nonsense"],
    "mixed_precision_dtype": ["nonsense"],
    "offload_folder": ["5"],
    "parallelize": ["nonsense"],
    "peft": ["folder"],
    "prefix_token_id": ["nonsense"],
    "pretrained": ["/no/such/folder", "ssd:no-such-name"],
    "proxies": ["nonsense"],
    "quantization_config": [{"load_in_4bit": True}],
    "softmax_dtype": ["nonsense"],
    "subfolder": ["nonsense"],
    "think_end_token": [[1]],
    "token": ["5"],
    "tokenizer": ["/no/such/folder"],
    "torch_dtype": ["nonsense"],
    "tp_plan": ["nonsense", "auto"],
    "truncation": ["nonsense"],
    "use_fast_tokenizer": ["nonsense"],
    "use_kernels": ["nonsense"],
    "use_safetensors": ["nonsense", "False"],
    "variant": ["fp16"],
    "bnb_4bit_compute_dtype": ["bfloat16"],
    "temperature": ["1"],
}
"""Bad values of what lm-eval's own class takes."""
HARMLESS_CLASS_ARGUMENTS = {"revision": "a local folder has none, and the Hub refuses an unknown one"}
BAD_METADATA = {
    "release": ["v99", 5],
    "window": ["1999", 5],
    "repeats": [0, -1, "many", 2.5],
    "prompt": ["none", "file:/no/such/folder", 5],
    "allow_overlap": ["nonsense"],
    "judge": ["nonsense", 5],
    "tests": ["nonsense", 5],
    "sandbox": ["no-such-sandbox", 5],
    "workers": [0, "many"],
    "judgge": ["lcb"],
}
WRONG_IN_CONFIG = {
    "model": [5, ["a"]],
    "model_args": [[1], 7, "text"],
    "tasks": [5, {"a": 1}, [5]],
    "num_fewshot": ["x", 1.5],
    "batch_size": [[1], -1, 1.5],
    "max_batch_size": ["x", [1]],
    "device": [5, [1]],
    "limit": ["x", [1]],
    "use_cache": [5, [1]],
    "samples": [5, [1], "x"],
    "cache_requests": [5, "x"],
    "output_path": [5, [1]],
    "system_instruction": [5, [1]],
    "apply_chat_template": [5, [1]],
    "include_path": [5, [1]],
    "gen_kwargs": [[1], 7, "text"],
    "verbosity": [[1], 5.5],
    "metadata": [[1], 7, "text"],
    "seed": ["x", [1, 2], {"a": 1}, -1],
    "hf_hub_log_args": [[1], 7, "text"],
    "wandb_args": [[1], 7, "text"],
    "wandb_config_args": [[1], 7],
    "trackio_args": [[1], 7, "text"],
    "no_such_option": [1],
}


def options():
    from lm_eval._cli.run import Run

    parser = argparse.ArgumentParser()
    Run(parser.add_subparsers())
    (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    actions = subparsers.choices["run"]._actions
    return {next(word for word in action.option_strings if word.startswith("--")) for action in actions} - {"--help"}


def test_every_argument_is_classified():
    assert options() == BAD.keys() | HARMLESS.keys()
    assert not BAD.keys() & HARMLESS.keys()


def test_good_arguments_reach_the_sampler(lm_eval_ends):
    assert lm_eval_ends({})[0] == "sampled"


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_value_is_refused_before_anything_is_sampled(lm_eval_ends, name, value):
    code, line = lm_eval_ends({name: value})
    assert code == 2, line
    assert len(line) < 600


def test_every_option_of_a_config_file_is_classified():
    from lm_eval.config.evaluate_config import EvaluatorConfig

    flags = {field.name for field in fields(EvaluatorConfig) if field.type.removesuffix(" | None") == "bool"}
    assert {field.name for field in fields(EvaluatorConfig)} - flags - {"config"} == WRONG_IN_CONFIG.keys() - {
        "no_such_option"
    }


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG_IN_CONFIG.items() for value in values]
)
def test_a_value_of_the_wrong_kind_in_a_config_file_is_refused(lm_eval_ends, tmp_path, name, value):
    (tmp_path / "config.yaml").write_text(json.dumps({name: value}))
    code, line = lm_eval_ends({"--config": "config.yaml"}, without=f"--{name}")
    assert code == 2, line
    assert len(line) < 600


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        ("--model ssd-hf --tasks arithmetic", True),
        ("run -M ssd-hff -t arithmetic", True),
        ("--model hf --tasks arithmetic,livecodebench_v6", True),
        ("--model=hf --tasks arithmetic livecodebench_no_such", True),
        ("--model hf --tasks arithmetic --output_path ssd-hf/livecodebench", False),
        ("--model hf --model_args pretrained=ssd-hf --tasks arithmetic", False),
        ("--model hf --tasks", False),
        ("ls tasks", False),
        ("", False),
    ],
)
def test_a_command_is_about_us_if_it_names_a_model_or_a_task_of_ours(words, ours):
    assert command_errors.concerns_us(words.split()) is ours


def test_a_config_file_says_what_a_command_is_about(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("model: ssd-hf\ntasks: [arithmetic]\n")
    assert command_errors.concerns_us(["--config", str(config)])
    config.write_text("model: hf\ntasks: livecodebench_v6\n")
    assert command_errors.concerns_us([f"--config={config}"])
    config.write_text("model: hf\ntasks: [arithmetic]\n")
    assert not command_errors.concerns_us(["-C", str(config)])


@pytest.mark.parametrize("words", ["--config /no/such.yaml", "--metadata {", "--hf_hub_log_args no_such=1"])
def test_commands_of_others_are_refused_as_lm_eval_does(lm_eval_ends, monkeypatch, words):
    from lm_eval.__main__ import cli_evaluate

    monkeypatch.setattr(sys, "argv", ["lm_eval", "run", "--model", "dummy", "--tasks", "arithmetic", *words.split()])
    with pytest.raises((OSError, TypeError, ValueError)):
        cli_evaluate()


def test_a_failure_of_lm_eval_in_an_evaluation_of_ours_ends_with_the_code_of_infrastructure(
    lm_eval_ends, monkeypatch, state
):
    import lm_eval.tasks

    def load(*_):
        raise RuntimeError("the data set is gone")

    monkeypatch.setattr(lm_eval.tasks.TaskManager, "load", load)
    monkeypatch.setattr(pipeline, "run", lambda _: pytest.skip("not reached"))
    code, line = lm_eval_ends({"--model": "dummy", "--model_args": "x=1"})
    assert code == 3
    assert "unexpected RuntimeError: the data set is gone, a fault of lm_eval, of the task or of this machine" in line
    assert list((state / "logs").glob("*.txt"))


def test_each_refusal_of_ours_names_the_field_and_the_next_step(lm_eval_ends):
    code, line = lm_eval_ends({"--gen_kwargs": "temperature=-1"})
    assert (code, line) == (
        2,
        "ssd-harness: error: --gen_kwargs temperature: expected a number of at least 0, got -1.0",
    )
    code, line = lm_eval_ends({"--gen_kwargs": "max_gen_toks=16300"})
    assert code == 2
    assert "is more than the context of demo, 16,384 tokens; give --gen_kwargs max_gen_toks=" in line


def test_a_model_without_a_chat_template_is_refused_where_one_is_asked_for(lm_eval_ends, untemplated_model):
    model = f"pretrained={untemplated_model},prompts=demo,prompt_limit=4"
    assert lm_eval_ends({"--model_args": model})[0] == "sampled"
    code, line = lm_eval_ends({"--model_args": model, "--apply_chat_template": None})
    assert code == 2
    assert "has no chat template" in line


def test_a_raw_completion_in_a_chat_template_is_refused(lm_eval_ends):
    model = {"--model_args": "pretrained=demo,prompt_style=ssd/completion"}
    assert lm_eval_ends(model)[0] == "sampled"
    code, line = lm_eval_ends({**model, "--apply_chat_template": None})
    assert code == 2
    assert "the prompt ssd/completion is a raw completion" in line


def test_every_field_of_the_recipe_has_bad_values():
    assert FIELDS.keys() | {"recipe", "name"} == BAD_FIELDS.keys() | NOT_LOOKED_AT.keys()


@pytest.mark.parametrize(("name", "value"), listed(BAD_FIELDS))
def test_a_bad_field_of_the_recipe_is_refused(lm_eval_ends, tmp_path, name, value):
    given = {"pretrained": "demo", **prompts_for(name, tmp_path), name: value}
    code, line = lm_eval_ends({"--model_args": json.dumps(given)})
    assert code == 2, line


def test_every_argument_of_the_model_class_has_bad_values():
    from ssd_harness.harness.models import model_args
    from ssd_harness.harness.models.hf import HFLM

    known = {*inspect.signature(HFLM).parameters, *model_args.passed_on(), *model_args._REFUSED} - {"kwargs"}
    assert known - FIELDS.keys() - BAD_CLASS_ARGUMENTS.keys() - HARMLESS_CLASS_ARGUMENTS.keys() <= BAD.keys() | {
        "batch_size",
        "max_batch_size",
    }


@pytest.mark.parametrize(("name", "value"), listed(BAD_CLASS_ARGUMENTS))
def test_a_bad_argument_of_the_model_class_is_refused(lm_eval_ends, name, value):
    value = int(value) if value == "5" else value
    code, line = lm_eval_ends({"--model_args": json.dumps({"pretrained": "demo", name: value})})
    assert code == 2, line


def test_every_key_of_the_metadata_has_bad_values():
    assert set(KEYS) <= BAD_METADATA.keys()


@pytest.mark.parametrize(("name", "value"), listed(BAD_METADATA))
def test_a_bad_key_of_the_metadata_is_refused(lm_eval_ends, name, value):
    without = "--predict_only" if name == "sandbox" else None  # nothing is judged with it
    code, line = lm_eval_ends({"--metadata": json.dumps({name: value})}, without=without)
    assert code == 2, line
