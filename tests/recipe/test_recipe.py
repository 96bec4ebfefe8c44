import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.errors import UsageError
from ssd_harness.recipe import FIELDS, ROUND_FIELDS, Recipe, coerce, fingerprint, resolve
from ssd_harness.recipes.presets import presets

QWEN = "Qwen/Qwen3-4B-Instruct-2507"

# T / top-k / top-p: training, evaluation after it, the base model's own; iterations, warm-up. From the paper's tables.
PAPER = {
    "meta-llama/Llama-3.1-8B-Instruct": ((0.8, 20, 0.8), (0.7, 20, 0.8), (0.9, None, 0.8), 2500, 250),
    "Qwen/Qwen3-4B-Instruct-2507": ((1.6, 20, 0.8), (1.1, 20, 0.8), (0.7, 20, 0.8), 2500, 250),
    "Qwen/Qwen3-4B-Thinking-2507": ((1.1, 20, 0.95), (0.7, 20, 0.95), (0.6, 20, 0.95), 300, 50),
    "Qwen/Qwen3-30B-A3B-Instruct-2507": ((1.6, 20, 0.8), (0.9, 20, 0.8), (0.7, 20, 0.8), 2500, 250),
    "Qwen/Qwen3-30B-A3B-Thinking-2507": ((1.2, 20, 0.95), (0.7, 20, 0.95), (0.6, 20, 0.95), 300, 50),
    "openai/gpt-oss-20b": ((1.2, None, 1.0), (1.0, 20, 0.95), (1.0, None, 1.0), 300, 50),
}


@pytest.mark.parametrize("model", PAPER)
def test_presets_hold_the_papers_numbers(model):
    recipe = resolve(model).recipe
    train, after, base, steps, warmup = PAPER[model]
    assert (recipe.T_train, recipe.top_k_train, recipe.top_p_train) == train
    assert (recipe.T_eval, recipe.top_k_eval, recipe.top_p_eval) == after
    assert (recipe.T_base, recipe.top_k_base, recipe.top_p_base) == base
    assert (recipe.steps, recipe.warmup_steps, recipe.batch_size_train) == (steps, warmup, 32)
    assert (recipe.lr, recipe.min_lr, recipe.beta1, recipe.beta2, recipe.weight_decay) == (5e-6, 1e-6, 0.9, 0.95, 0.1)
    assert recipe.filter == "stub"
    assert recipe.n_train == 1


def test_every_preset_says_where_its_numbers_come_from_and_resolves():
    for preset in presets().values():
        assert preset.source, preset.name
        assert preset.models, preset.name
        assert resolve(preset.models[0]).preset == preset.name


def test_a_local_folder_named_like_a_model_gets_its_recipe():
    assert resolve("/models/qwen3-4b-instruct-2507/").preset == "qwen3-4b-instruct-2507"
    assert resolve("Somebody/Other").preset is None


def test_origins_say_which_layer_decided(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("T_train: 1.2\nlr: 1e-5\n")
    resolved = resolve(QWEN, {"recipe": str(file), "lr": "2e-5"})
    assert (resolved.recipe.T_train, resolved.recipe.lr) == (1.2, 2e-5)
    assert resolved.origins["T_train"] == "file mine.yaml"
    assert resolved.origins["lr"] == "given"
    assert resolved.origins["top_k_train"] == "preset qwen3-4b-instruct-2507"
    assert resolved.origins["lora_rank"] == "default"


def test_a_checkpoints_own_recipe_goes_before_the_given_fields():
    made = dataclasses.asdict(Recipe(prompts="p.jsonl", T_train=1.1, lr=3e-5))
    resolved = resolve("ssd:x", {"lr": 1e-5}, inherited=("manifest of x", made))
    assert (resolved.recipe.T_train, resolved.recipe.lr) == (1.1, 1e-5)
    assert resolved.origins["T_train"] == "manifest of x"


def test_epochs_given_replace_the_presets_steps():
    assert resolve(QWEN, {"epochs": 2}).recipe.steps is None
    assert resolve(QWEN, {"epochs": 2, "steps": 7}).recipe.steps == 7


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("T_trian", "1", "T_train"),
        ("learning_rat", "1", "no field"),
        ("batch_size", "8", "batch_size_train"),
        ("T_train", "warm", "a number"),
        ("T_train", "nan", "a number"),
        ("n_train", "1.5", "a whole number"),
        ("n_train", "0", "more than 0"),
        ("top_p_train", "1.5", "at most 1"),
        ("T_train", "none", "needs a value"),
        ("gradient_checkpointing", "maybe", "true or false"),
        ("prompt_format", "xml", "chat or raw"),
    ],
)
def test_wrong_fields_are_one_clear_line(field, value, says):
    with pytest.raises(UsageError) as error:
        resolve("m", {field: value})
    assert says in str(error.value)
    assert field in str(error.value)
    assert "\n" not in str(error.value)


def test_none_is_a_value_where_it_means_something():
    assert coerce("top_k_train", "None") is None
    assert coerce("filter", "none") == "none"


@given(st.floats(min_value=0, max_value=10, allow_nan=False))
def test_numbers_survive_as_words(value):
    assert coerce("T_train", repr(value)) == value


@pytest.mark.parametrize("content", ["- 1\n- 2\n", "T_train: [", "\x00"])
def test_a_file_that_is_no_recipe_is_named(tmp_path, content):
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    with pytest.raises(UsageError, match=r"bad\.yaml"):
        resolve("m", {"recipe": str(file)})


def test_a_missing_recipe_file_lists_the_presets():
    with pytest.raises(UsageError, match="qwen3-4b-instruct-2507"):
        resolve("m", {"recipe": "/no/such.yaml"})


PARTS = {"base": "b", "tokenizer": "t", "prompts": "p", "sampler": "hf@1", "trainer": "trl@1"}
CHOOSING = Recipe(rounds=3, round_task="task", patience=1)
OTHER = {int: 7, float: 0.5, str: "raw", bool: True}


def changed(name):
    value = getattr(Recipe(), name)
    kinds = {"prompt_format": "raw", "top_k_train": 7, "steps": 7, "warmup_steps": 7, "lora_rank": 7}
    kinds |= {"lora_quantize": "4bit", "sharding": "fsdp2"}
    if name in kinds:
        return kinds[name]
    if value is None:
        return coerce(name, "7")
    return {bool: not value, int: 7, float: 0.123, str: "other"}[type(value)]


@pytest.mark.parametrize("name", FIELDS)
def test_the_fingerprint_follows_what_shapes_the_checkpoint_and_nothing_else(name):
    recipe = CHOOSING if name in ROUND_FIELDS else Recipe()
    before = fingerprint(recipe, **PARTS)
    after = fingerprint(dataclasses.replace(recipe, **{name: changed(name)}), **PARTS)
    # Prompts, sampler and trainer enter by content and version, not by the name of where they came from.
    by_content = {"prompts", "prompt_limit", "prompt_column", "starter_column", "id_column", "tests_column"}
    by_content |= {"exclude_prompts", "sampler", "trainer"}
    shapes = FIELDS[name].metadata["side"] == "train" and name not in by_content
    assert (before != after) == shapes


def test_how_rounds_are_evaluated_counts_only_where_it_chooses_one():
    one, several = Recipe(), Recipe(rounds=3)
    told = {"round_task": "t", "round_metric": "m", "round_limit": 4, "min_gain": 0.1}
    assert fingerprint(dataclasses.replace(one, **told, patience=2), **PARTS) == fingerprint(one, **PARTS)
    assert fingerprint(dataclasses.replace(several, **told), **PARTS) == fingerprint(several, **PARTS)
    # What the chosen round is depends on how it was decoded.
    colder = dataclasses.replace(CHOOSING, T_eval=0.1)
    assert fingerprint(colder, **PARTS) != fingerprint(CHOOSING, **PARTS) != fingerprint(several, **PARTS)


def test_patience_needs_a_task():
    with pytest.raises(UsageError, match=r"patience .* round_task"):
        Recipe(rounds=3, patience=1)


@pytest.mark.parametrize("part", PARTS)
def test_the_fingerprint_follows_model_tokenizer_prompts_and_plugins(part):
    assert fingerprint(Recipe(), **PARTS) != fingerprint(Recipe(), **{**PARTS, part: "other"})


def test_a_model_class_may_have_other_defaults_that_everything_else_overrides(tmp_path):
    backend = ("ssd-vllm", {"sampler": "vllm", "gpus": 2, "T_train": 9.0})
    resolved = resolve(QWEN, backend=backend)
    assert (resolved.recipe.sampler, resolved.origins["sampler"]) == ("vllm", "ssd-vllm")
    assert (resolved.recipe.gpus, resolved.recipe.T_train) == (2, 1.6)
    (tmp_path / "own.yaml").write_text("sampler: hf\n")
    assert resolve(QWEN, {"recipe": str(tmp_path / "own.yaml")}, backend=backend).recipe.sampler == "hf"
    assert resolve(QWEN, {"gpus": 4}, backend=backend).recipe.gpus == 4
    made = ("manifest of m", {"sampler": "hf"})
    assert resolve("ssd:m", {"rounds": 1}, inherited=made, backend=backend).recipe.sampler == "hf"


@pytest.mark.parametrize(
    ("fields", "shared"),
    [
        ({}, "none"),
        ({"gpus": 8}, "fsdp2"),  # the one argument that moves to 8 GPUs must not ask for a copy on each
        ({"gpus": 8, "lora_rank": 16}, "none"),
        ({"gpus": 8, "sharding": "none"}, "none"),
        ({"gpus": 8, "sharding": "zero3"}, "zero3"),
        ({"recipe": "8gpus-4b"}, "fsdp2"),
    ],
)
def test_several_gpus_share_one_copy_unless_told_otherwise(fields, shared):
    assert resolve(QWEN, fields).recipe.shared == shared
