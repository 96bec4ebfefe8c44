import dataclasses

import pytest

pytest.importorskip("trl")

import accelerate
from accelerate.utils.deepspeed import HfDeepSpeedConfig
from torch.distributed.fsdp import StateDictType

from ssd_harness.plugins.trl import training_arguments
from ssd_harness.recipe.resolution import resolve

pytestmark = pytest.mark.hf

MODELS = {
    "8gpus-4b": "Qwen/Qwen3-4B-Instruct-2507",
    "8gpus-8b": "meta-llama/Llama-3.1-8B-Instruct",
    "8gpus-30b-a3b": "Qwen/Qwen3-30B-A3B-Instruct-2507",
}


def arguments(tmp_path, model, **fields):
    recipe = resolve(model, fields).recipe
    plan = training_arguments.schedule(recipe, rows=10_000, processes=recipe.gpus)
    return plan, training_arguments.arguments(recipe, tmp_path, plan, processes=1, on_cpu=True)


@pytest.mark.parametrize("name", MODELS)
def test_the_settings_for_eight_gpus_build_what_the_trainer_takes(tmp_path, name):
    plan, made = arguments(tmp_path, MODELS[name], recipe=name)
    assert plan.micro_batch_size * plan.accumulate * 8 == 32
    assert (made.max_steps, made.warmup_steps) == (2500, 250)
    assert made.fsdp_plugin_args["fsdp_version"] == 2
    assert made.fsdp_plugin_args["activation_checkpointing"]
    assert not made.gradient_checkpointing  # FSDP does it
    plugin = accelerate.FullyShardedDataParallelPlugin(**made.fsdp_plugin_args)
    assert (plugin.fsdp_version, plugin.reshard_after_forward, plugin.activation_checkpointing) == (2, True, True)
    assert plugin.state_dict_type == StateDictType.SHARDED_STATE_DICT


def test_the_recipe_for_a_small_gpu_trains_adapters_on_the_steps_of_the_paper(tmp_path):
    plan, made = arguments(tmp_path, MODELS["8gpus-8b"], recipe="1gpu-24gb-8b")
    recipe = resolve(MODELS["8gpus-8b"], {"recipe": "1gpu-24gb-8b"}).recipe
    assert training_arguments.lora(recipe).r == 32
    assert (plan.micro_batch_size, plan.accumulate, made.max_steps) == (1, 32, 2500)
    assert made.gradient_checkpointing


@pytest.mark.parametrize("name", MODELS)
def test_zero3_beside_them_is_a_configuration_of_deepspeed(name):
    """What accelerate itself reads, so that it needs no DeepSpeed; the test below does."""
    given = training_arguments.sharding(resolve(MODELS[name], {"recipe": name, "sharding": "zero3"}).recipe)[
        "deepspeed"
    ]
    read = HfDeepSpeedConfig(given)
    assert read.is_zero3()
    assert not read.is_offload()
    assert read.get_value(
        "zero_optimization.stage3_gather_16bit_weights_on_model_save"
    )  # else nothing whole is written


def test_the_settings_of_zero3_build_what_the_trainer_takes(tmp_path):
    pytest.importorskip("deepspeed")
    _, made = arguments(tmp_path, MODELS["8gpus-4b"], recipe="8gpus-4b", sharding="zero3")
    assert made.hf_deepspeed_config.is_zero3()


def test_on_an_accelerator_bfloat16_is_what_is_computed_in():
    recipe = resolve("x", {}).recipe
    assert training_arguments.computes_in_half(recipe, on_cpu=False)
    assert not training_arguments.computes_in_half(recipe, on_cpu=True)
    assert not training_arguments.computes_in_half(dataclasses.replace(recipe, dtype_train="float32"), on_cpu=False)


def test_the_batch_of_a_step_does_not_depend_on_the_processes():
    recipe = resolve("x", {"batch_size_train": 24, "micro_batch_size": 5, "steps": None, "epochs": 2}).recipe
    for processes in (1, 2, 3, 8):
        plan = training_arguments.schedule(recipe, rows=100, processes=processes)
        assert plan.micro_batch_size * plan.accumulate * processes == 24
        assert plan.micro_batch_size <= 5
        assert plan.steps == 9  # 200 sequences
