import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.errors import UsageError
from ssd_harness.recipe.definition import FIELDS, LORA_FIELDS, Recipe, coerce, nearest
from ssd_harness.recipe.fingerprint import fingerprint
from ssd_harness.recipe.presets import presets
from ssd_harness.recipe.resolution import resolve

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
    assert resolve("Somebody/demo").preset is None


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


def test_nothing_of_the_run_side_comes_from_a_manifest():
    """It may come from anywhere, and would switch on the code that a model brings along."""
    other = {
        "allow_overlap": True,
        "device": "meta",
        "sampling_rows": 1,
        "gpus": 8,
        "sharding": "zero3",
        "packing": True,
    }
    other |= {"micro_batch_size": 1, "attention": "theirs", "gradient_checkpointing": True, "save_steps": 1}
    other |= {"dequantize": True, "trust_remote_code": True, "check_fit": False, "engine": "vllm"}
    assert other.keys() == Recipe().side("run").keys()
    resolved = resolve("ssd:x", inherited=("manifest of x", {"T_train": 1.1, **other}))
    assert resolved.recipe == Recipe(T_train=1.1)
    assert resolved.origins["trust_remote_code"] == "default"
    given = resolve("ssd:x", {"trust_remote_code": "true"}, inherited=("manifest of x", {}))
    assert given.recipe.trust_remote_code


def test_what_a_recipe_was_put_together_from_is_said(tmp_path):
    (tmp_path / "mine.yaml").write_text("lr: 1e-5")
    mine, made = {"recipe": str(tmp_path / "mine.yaml")}, ("manifest of x", {"T_train": 1.1})
    for backend in (None, ("ssd-vllm", {"sampler": "vllm"})):
        assert resolve(QWEN, backend=backend).summary == "recipe qwen3-4b-instruct-2507, by its name"
    assert resolve(QWEN, mine).summary == "recipe qwen3-4b-instruct-2507, by its name, then file mine.yaml"
    assert resolve("ssd:x", inherited=made).summary == "no recipe of its own, defaults, then manifest of x"
    assert resolve("ssd:x", mine, inherited=made).summary.endswith("then manifest of x, then file mine.yaml")
    assert resolve("ssd:x", {"recipe": "demo"}, inherited=made).summary == "recipe demo, asked for"


def test_epochs_given_replace_the_presets_steps():
    made = resolve(QWEN, {"epochs": 2})
    assert made.recipe.steps is None
    assert (made.origins["epochs"], made.origins["steps"]) == ("given", "epochs given")
    assert resolve(QWEN, {"epochs": 2, "steps": 7}).recipe.steps == 7


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("T_trian", "1", "T_train"),
        ("learning_rat", "1", "no field"),
        ("batch_size", "8", "batch_size_train"),
        ("T_train", "warm", "a number"),
        ("T_train", "nan", "a number"),
        ("n_train", "1.5", "expected a positive integer, got '1.5'"),
        ("n_train", "0", "expected a positive integer, got '0'"),
        ("top_p_train", "1.5", "at most 1"),
        ("T_train", "none", "expected a number of 0 or more, got 'none'"),
        ("gradient_checkpointing", "maybe", "true or false"),
        ("prompt_format", "xml", "chat or raw"),
        ("warmup_steps", "-3", "0 or more"),
        ("beta1", "1", "below 1"),
        ("beta2", "-0.1", "0 or more"),
        ("min_lr", "1", "at most lr"),
        ("T_base", "-1", "0 or more"),
        ("top_k_base", "0", "expected a positive integer, got '0'"),
        ("top_p_base", "7", "at most 1"),
        ("max_gen_toks_eval", "0", "expected a positive integer, got '0'"),
        ("sampling_rows", "0", "expected a positive integer, got '0'"),
        ("dtype_train", "float7", "auto, float32, bfloat16 or float16"),
        ("dtype_checkpoint", "int8", "auto, float32, bfloat16 or float16"),
        ("seed", "-1", "from 0"),
        ("seed", "4294967296", "to 4294967295"),
        ("n_train", "1e30", "at most 2147483647"),
        ("rounds", "1000000", "to 1000"),
        ("lora_alpha", "16", "none without lora_rank"),
        ("lora_dropout", "0.1", "0.0 without lora_rank"),
        ("lora_targets", "q_proj", "all-linear without lora_rank"),
        ("lora_quantize", "4bit", "none without lora_rank"),
        ("filter", ["a"], "expected text, got a list"),
        ("filter", True, "expected text, got True"),
        ("prompts", dt.date(2024, 1, 1), "expected text, got a date"),
        ("T_train", True, "a number"),
        ("T_train", [[1] * 999] * 999, "expected a number of 0 or more, got a list"),
        ("T_train", "9" * 5000, "a number"),
        ("lora_targets\x1b[31m", "1", "no field"),
    ],
)
def test_wrong_fields_are_one_clear_line(field, value, says):
    with pytest.raises(UsageError) as error:
        resolve("m", {field: value})
    assert says in str(error.value)
    assert field.partition("\x1b")[0] in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 250


def test_adapters_bring_their_limits_and_go_with_all_that_belongs_to_them():
    adapters = {"lora_rank": 4, "lora_alpha": 2, "lora_dropout": 0.1}
    for field, value in {"lora_alpha": 0, "lora_dropout": 1}.items():
        with pytest.raises(UsageError, match=field):
            resolve("m", {**adapters, field: value})
    made = ("manifest of m", dataclasses.asdict(Recipe(**adapters)))
    full = resolve("ssd:m", {"lora_rank": "none"}, inherited=made)
    assert full.recipe == Recipe()
    assert (full.origins["lora_rank"], full.origins["lora_alpha"]) == ("given", "lora_rank given")


def test_a_system_message_needs_a_chat_template():
    with pytest.raises(UsageError, match=r"system_message: expected none with prompt_format=raw"):
        resolve("m", {"prompt_format": "raw", "system_message": "x"})


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("top_k", "'top_k_base' or 'top_k_eval' or 'top_k_train'"),
        ("prompt", "'prompts'"),
        ("learning_rate", "'lr'"),
        ("name", "ssd-harness recipe show MODEL"),
    ],
)
def test_the_nearest_field_is_named(word, says):
    assert says in nearest(word, FIELDS)


def test_none_is_a_value_where_it_means_something():
    assert coerce("top_k_train", "None") is None
    assert coerce("filter", "none") == "none"


@given(st.floats(min_value=0, max_value=10, allow_nan=False))
def test_numbers_survive_as_words(value):
    assert coerce("T_train", repr(value)) == value


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("- 1\n- 2\n", "expected a mapping of fields"),
        ("", "expected a mapping of fields"),
        ("T_train: [", "line 1"),
        ("\x00", "not YAML"),
        ("T_train: " + "[" * 5000, "not YAML"),
        ("T_train: " + "9" * 5000, "not YAML"),
        ("fields: 3", "fields: expected a mapping"),
        ("T_train: 1.2\nfields: {lr: 1.0e-5}", "'T_train' is outside of fields:"),
        ("#" * 2_000_000, "too large"),
    ],
)
def test_a_file_that_is_no_recipe_is_named(tmp_path, content, says):
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    with pytest.raises(UsageError, match=r"bad\.yaml") as error:
        resolve("m", {"recipe": str(file)})
    assert says in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("content", ["1: 2", "null: 3", "{[a]: 1}", "T_trian: 1"])
def test_a_file_with_another_key_than_a_field_is_refused(tmp_path, content):
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    with pytest.raises(UsageError, match=r"no field|not YAML"):
        resolve("m", {"recipe": str(file)})


def test_a_value_of_the_wrong_kind_is_named_with_its_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("T_train: [1]")
    with pytest.raises(UsageError, match=r"T_train: expected a number .*, got a list \[file mine.yaml\]"):
        resolve("m", {"recipe": str(tmp_path / "mine.yaml")})


def test_a_users_file_may_say_what_it_is_for(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("models: 5\nsource: me\nconfig: x\nfields: {T_train: 1.25}\n")
    assert resolve("m", {"recipe": str(file)}).recipe.T_train == 1.25


def test_a_missing_recipe_file_lists_the_presets():
    with pytest.raises(UsageError, match="qwen3-4b-instruct-2507"):
        resolve("m", {"recipe": "/no/such.yaml"})


PARTS = {"base": "b", "tokenizer": "t", "prompts": "p", "sampler": "hf@1", "trainer": "trl@1"}
ADAPTERS = Recipe(lora_rank=4)


def changed(name):
    value = getattr(Recipe(), name)
    kinds = {"prompt_format": "raw", "top_k_train": 7, "steps": 7, "warmup_steps": 7, "lora_rank": 7}
    kinds |= {"lora_quantize": "4bit", "sharding": "fsdp2", "top_p_base": 0.5, "loss_weighting": "sequence"}
    kinds |= {"lr": 1e-3, "min_lr": 0.0, "dtype_train": "float32", "dtype_checkpoint": "bfloat16"}
    kinds |= {"enable_thinking": True, "chat_template_args": '{"a": 1}', "template_date": "2026-01-31"}
    kinds |= {"prompt_style": "ssd/completion"}
    kinds |= {"engine": "vllm"}
    if name in kinds:
        return kinds[name]
    if value is None:
        return coerce(name, "7")
    return {bool: not value, int: 7, float: 0.123, str: "other"}[type(value)]


@pytest.mark.parametrize("name", FIELDS)
def test_the_fingerprint_follows_what_shapes_the_checkpoint_and_nothing_else(name):
    recipe = ADAPTERS if name in LORA_FIELDS else Recipe()
    before = fingerprint(recipe, **PARTS)
    after = fingerprint(dataclasses.replace(recipe, **{name: changed(name)}), **PARTS)
    # Prompts, sampler and trainer enter by content and version, not by the name of where they came from.
    by_content = {"prompts", "prompt_limit", "prompt_column", "starter_column", "id_column", "tests_column"}
    by_content |= {"exclude_prompts", "prompt_template", "prompt_style", "sampler", "trainer"}
    shapes = FIELDS[name].metadata["side"] == "train" and name not in by_content
    assert (before != after) == shapes


@pytest.mark.parametrize("part", PARTS)
def test_the_fingerprint_follows_model_tokenizer_prompts_and_plugins(part):
    assert fingerprint(Recipe(), **PARTS) != fingerprint(Recipe(), **{**PARTS, part: "other"})


def test_a_manifest_of_an_older_version_may_have_fields_of_the_choice_among_rounds():
    made = (
        "manifest",
        {"T_train": 1.3, "round_task": "t", "round_metric": "pass@1", "patience": None, "min_gain": 0.1},
    )
    assert resolve("ssd:m", inherited=made).recipe.T_train == 1.3


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
