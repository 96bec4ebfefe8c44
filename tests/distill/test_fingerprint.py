"""A plan's fingerprint follows what shapes the checkpoint, whoever makes it, wherever, with whatever."""

import json
import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from safetensors.torch import load_file, save_file

from ssd_harness import provenance
from ssd_harness.distill.planning import make_plan
from ssd_harness.errors import UsageError
from ssd_harness.recipe.definition import FIELDS

pytestmark = pytest.mark.hf

ROWS = [{"id": f"p{k}", "prompt": f"Count to {k}."} for k in range(4)]
SHAPING = {
    "T_train": [0.7, 1.1],
    "top_k_train": [5, None],
    "top_p_train": [0.9],
    "n_train": [2],
    "max_new_tokens_train": [64],
    "filter": ["none", "parses"],
    "prompt_limit": [3],
    "system_message": ["Be brief."],
    "reasoning_effort": ["high"],
    "enable_thinking": ["true", "false"],
    "steps": [5, 6],
    "lr": [1e-3],
    "min_lr": [0.0],
    "warmup_steps": [1],
    "weight_decay": [0.0],
    "batch_size_train": [8],
    "max_length_train": [512],
    "loss_weighting": ["sequence"],
    "lora_rank": [2],
    "dtype_checkpoint": ["bfloat16"],
    "rounds": [2],
    "seed": [1, 2],
}
INDIFFERENT = {
    "T_eval": [0.1, 1.9],
    "top_k_eval": [3, None],
    "top_p_eval": [0.5],
    "max_gen_toks_eval": [8],
    "T_base": [0.3],
    "top_k_base": [4],
    "top_p_base": [0.4],
    "allow_overlap": [True],
    "check_fit": [False],
    "device": ["cpu"],
    "engine": ["transformers"],
    "sampling_rows": [1, 64],
    "gpus": [2, 4],
    "micro_batch_size": [1, 2],
    "packing": [True],
    "gradient_checkpointing": [True],
    "save_steps": [1],
}


def words(fields):
    """Choose some of the fields, each with one of its values."""
    chosen = {name: st.sampled_from(values) for name, values in fields.items()}
    return st.fixed_dictionaries({}, optional=chosen)


@pytest.fixture
def plan_of(state, tiny_model, tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    def plan_of(model=tiny_model, prompts=path, **fields):
        return make_plan(str(model), {"prompts": str(prompts), **fields}, tell=lambda _: None).fingerprint

    return plan_of


@pytest.fixture
def reading_model(tiny_model, tmp_path):
    """A model whose chat template mentions the values that it may be handed."""
    folder = tmp_path / "reading"
    shutil.copytree(tiny_model, folder)
    with (folder / "chat_template.jinja").open("a") as template:
        template.write("{# reasoning_effort enable_thinking #}")
    return folder


def test_no_field_of_the_evaluation_or_the_run_is_left_out_that_a_cpu_could_try():
    aside = {name for name, known in FIELDS.items() if known.metadata["side"] != "train"}
    gpus_alone = {"sharding", "attention", "dequantize", "trust_remote_code"}
    assert aside - INDIFFERENT.keys() == gpus_alone
    assert INDIFFERENT.keys() <= aside


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words(SHAPING), words(SHAPING), words(INDIFFERENT), words(INDIFFERENT))
def test_two_plans_are_the_same_exactly_if_what_shapes_them_is(
    plan_of, reading_model, one, other, around_one, around_other
):
    plans = plan_of(reading_model, **one, **around_one), plan_of(reading_model, **other, **around_other)
    assert (plans[0] == plans[1]) == (one == other)


def test_the_same_weights_are_the_same_wherever_they_lie(plan_of, tiny_model, tmp_path, monkeypatch):
    known = plan_of()
    moved = tmp_path / "moved"
    shutil.copytree(tiny_model, moved)
    (moved / "README.md").write_text("about")
    (moved / "training_args.bin").write_bytes(os.urandom(16))
    linked = tmp_path / "linked"
    linked.mkdir()
    for file in moved.iterdir():
        (linked / file.name).symlink_to(file)  # as the Hub's cache has them
    assert plan_of(moved) == plan_of(linked) == plan_of(f"{moved}/") == known
    monkeypatch.setenv("SSD_HARNESS_HOME", str(tmp_path / "another home"))
    for name, value in {"RANK": "3", "WORLD_SIZE": "8", "CUDA_VISIBLE_DEVICES": "1,2", "OMP_NUM_THREADS": "7"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(provenance, "collect", lambda: pytest.fail("versions were asked for"))
    monkeypatch.chdir(moved.parent)
    assert plan_of("./moved") == known


def test_the_order_in_which_shards_were_written_does_not_count_but_what_is_in_them(plan_of, tiny_model, tmp_path):
    weights = load_file(tiny_model / "model.safetensors")
    shards = {f"model-0000{n}-of-00003.safetensors": dict(list(weights.items())[n - 1 :: 3]) for n in (1, 2, 3)}
    found = []
    for order in ((1, 2, 3), (3, 1, 2)):
        folder = tmp_path / f"sharded-{order[0]}"
        shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
        for number in order:
            name = f"model-0000{number}-of-00003.safetensors"
            save_file(shards[name], folder / name, metadata={"format": "pt"})
        found.append(plan_of(folder))
    assert found[0] == found[1]
    changed = {name: tensor + 1 for name, tensor in shards[name].items()}
    save_file(changed, folder / name, metadata={"format": "pt"})
    assert plan_of(folder) != found[0]


def test_template_tokenizer_and_prompts_count_by_their_content(plan_of, tiny_model, tmp_path):
    known = plan_of()
    for name in ("chat_template.jinja", "tokenizer.json", "generation_config.json", "config.json"):
        folder = tmp_path / name
        shutil.copytree(tiny_model, folder)
        (folder / name).write_text((folder / name).read_text() + " ")
        assert plan_of(folder) != known, name
    renamed = tmp_path / "renamed.jsonl"
    renamed.write_text("".join(json.dumps({"nr": row["id"], "q": row["prompt"]}) + "\n\n" for row in ROWS))
    assert plan_of(prompts=renamed, prompt_column="q", id_column="nr") == known
    renamed.write_text("".join(json.dumps(row) + "\n" for row in reversed(ROWS)))
    assert plan_of(prompts=renamed) != known


@pytest.mark.parametrize("content", ["{", "[]", "", "{}"])
def test_a_folder_whose_config_says_nothing_is_no_model(plan_of, tiny_model, tmp_path, content):
    shutil.copytree(tiny_model, tmp_path / "broken")
    (tmp_path / "broken" / "config.json").write_text(content)
    with pytest.raises(UsageError, match=r"not a model: its config.json"):
        plan_of(tmp_path / "broken")
