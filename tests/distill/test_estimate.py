"""The estimate is an upper bound, by the recipe's own numbers, and says what it assumes."""

import dataclasses
import json

import pytest

from ssd_harness.estimates import model_size
from ssd_harness.estimates.model_size import ModelSize, by_config, size_of
from ssd_harness.estimates.training_cost import cost_of, gpu_time
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import resolve

QWEN = {
    "hidden_size": 2560,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 9728,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
MOE = {
    **QWEN,
    "hidden_size": 2048,
    "num_hidden_layers": 48,
    "num_key_value_heads": 4,
    "moe_intermediate_size": 768,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "tie_word_embeddings": False,
}


@pytest.mark.parametrize(
    ("config", "model"), [(QWEN, "Qwen/Qwen3-4B-Instruct-2507"), (MOE, "Qwen/Qwen3-30B-A3B-Thinking-2507")]
)
def test_sizes_by_configuration_are_those_that_the_models_are_known_by(config, model):
    counted, known = by_config(config), size_of(model, None)
    assert counted.parameters == pytest.approx(known.parameters, rel=0.01)
    assert counted.active == pytest.approx(known.active, rel=0.02)


# By hand, from the models' cards: parameters, active ones, layers, heads x their size; all recipes recompute.
KNOWN = {
    "Qwen/Qwen3-4B-Instruct-2507": (4.02e9, 4.02e9, 36, 32 * 128, 2500),
    "Qwen/Qwen3-4B-Thinking-2507": (4.02e9, 4.02e9, 36, 32 * 128, 300),
    "meta-llama/Llama-3.1-8B-Instruct": (8.03e9, 8.03e9, 32, 32 * 128, 2500),
    "Qwen/Qwen3-30B-A3B-Instruct-2507": (30.5e9, 3.3e9, 48, 32 * 128, 2500),
    "Qwen/Qwen3-30B-A3B-Thinking-2507": (30.5e9, 3.3e9, 48, 32 * 128, 300),
    "openai/gpt-oss-20b": (20.9e9, 4.2e9, 24, 64 * 64, 300),
}


@pytest.mark.parametrize("model", KNOWN)
@pytest.mark.parametrize("gpus", [1, 8])
def test_the_papers_recipes_cost_what_a_hand_reckons_also_before_the_model_is_here(model, gpus):
    parameters, active, layers, width, steps = KNOWN[model]
    recipe = resolve(model, {"gpus": gpus}).recipe
    size = size_of(model, None)
    assert (size.parameters, size.active) == pytest.approx((parameters, active), rel=0.02)
    cost = cost_of(recipe, 10_000, size, stored=2, download=True)
    tokens = steps * 32 * 65_536
    assert cost.trained_tokens == tokens
    # A token passes active weights twice forward and once backward at double cost, and 32,768 others in attention.
    operations = 8 * active + 4 * 4 * layers * width * 32_768
    assert cost.training_h == pytest.approx(tokens * operations / 4e14 / 3600, rel=0.02)
    drawn = 10_000 * 65_536
    assert cost.sampled_tokens == drawn
    operations = 2 * active + 4 * layers * width * (65_536 + 500) / 2
    assert cost.sampling_h == pytest.approx(drawn * operations / 4e13 / 3600, rel=0.02)
    # Base and checkpoint, one of each more while it is written, three states, samples and rows.
    assert cost.disk == pytest.approx(3 * 2 * parameters + 36 * parameters + drawn * 24, rel=0.02)


def test_the_count_is_that_of_the_weights(tiny_model):
    from safetensors import safe_open

    with safe_open(tiny_model / "model.safetensors", "pt") as weights:
        shapes = [weights.get_slice(name).get_shape() for name in weights.keys()]  # noqa: SIM118
    matrices = sum(shape[0] * shape[1] for shape in shapes if len(shape) == 2)
    assert size_of("x", tiny_model).parameters == matrices


def test_a_configuration_without_sizes_is_not_guessed(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "strange"}))
    assert size_of("x", tmp_path) is None
    assert size_of("x", None) is None


SIZE = ModelSize(parameters=1_000, active=500, attention=0)
RECIPE = Recipe(prompts="p", max_new_tokens_train=100, max_length_train=400, steps=10, batch_size_train=4, n_train=2)


def test_every_number_follows_the_recipe():
    cost = cost_of(RECIPE, 50, SIZE, stored=2, download=False)
    assert (cost.samples, cost.sampled_tokens) == (100, 10_000)
    assert (cost.sequences, cost.trained_tokens) == (40, 40 * 400)
    assert cost.sampling_h == pytest.approx(10_000 * 2 * 500 / 4e13 / 3600)
    assert cost.training_h == pytest.approx(16_000 * 6 * 500 / 4e14 / 3600)
    assert cost.kept == 2_000
    assert cost.disk == 2 * 2_000 + 3 * 12 * 1_000 + 10_000 * 16 + 100 * 400 * 8


def changed(**fields):
    return cost_of(dataclasses.replace(RECIPE, **fields), 50, SIZE, stored=2, download=False)


def test_rounds_epochs_adapters_and_checkpointing_are_counted():
    one, two = changed(), changed(rounds=2)
    assert (two.samples, two.sequences) == (2 * one.samples, 2 * one.sequences)
    assert (two.training_h, two.sampling_h) == (2 * one.training_h, 2 * one.sampling_h)
    assert two.kept == 2 * one.kept
    assert two.disk > one.disk
    assert changed(steps=None, epochs=3.0).sequences == 300
    assert changed(lora_rank=8).training_h == pytest.approx(one.training_h * 4 / 6)
    assert changed(lora_rank=8).disk < one.disk
    adapted = dataclasses.replace(SIZE, adapted=7)
    lora = dataclasses.replace(RECIPE, lora_rank=64)
    states = cost_of(lora, 50, adapted, stored=2, download=False).disk - changed(lora_rank=64).disk
    assert states == 3 * 12 * 64 * 7
    assert changed(gradient_checkpointing=True).training_h == pytest.approx(one.training_h * 8 / 6)


def test_long_contexts_cost_attention():
    size = model_size.ModelSize(1_000, 1_000, attention=40)
    cost = cost_of(RECIPE, 50, size, stored=2, download=True)
    assert cost.sampling_h == pytest.approx(10_000 * (2 * 1_000 + 40 * 300) / 4e13 / 3600)
    assert cost.disk == cost_of(RECIPE, 50, size, stored=2, download=False).disk + 2_000


@pytest.mark.parametrize(
    ("fields", "operations"),
    [
        ({}, 6 * 1_000 + 3 * 40 * 200),
        ({"lora_rank": 4}, 4 * 1_000 + 3 * 40 * 200),
        ({"lora_rank": 4, "gradient_checkpointing": True}, 6 * 1_000 + 4 * 40 * 200),
        ({"packing": True, "micro_batch_size": 4}, 6 * 1_000 + 3 * 40 * 200 * 4),
        ({"packing": True, "micro_batch_size": 4, "attention": "flash_attention_2"}, 6 * 1_000 + 3 * 40 * 200),
        ({"gpus": 2, "sharding": "fsdp2"}, 6 * 1_000 + 3 * 40 * 200),
    ],
)
def test_adapters_spare_no_attention_and_packed_rows_are_masked_together(fields, operations):
    size = model_size.ModelSize(1_000, 1_000, attention=40)
    cost = cost_of(dataclasses.replace(RECIPE, **fields), 50, size, stored=2, download=True)
    assert cost.training_h == pytest.approx(16_000 * operations / 4e14 / 3600)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (2.3e-6, "under a minute"),
        (None, "under a minute"),
        (0.5, "30 minutes"),
        (1.8, "1.8 hours"),
        (399.3, "399.3 hours"),
    ],
)
def test_gpu_time_is_told_in_units_that_people_use(hours, words):
    assert gpu_time(hours) == words
