"""Samples are drawn once for all recipes that ask for the same ones."""

import dataclasses
import json
import shutil
import threading
import time

import pytest

from ssd_harness.artifacts import drawn, shards
from ssd_harness.extensions.contracts import Sample
from ssd_harness.home import home
from ssd_harness.recipe.definition import FIELDS, Recipe, samples_fingerprint

PARTS = {"model": "m", "tokenizer": "t", "prompts": "p", "sampler": "hf@1"}
OTHERWISE = {
    "T_train": 0.3, "top_k_train": 3, "top_p_train": 0.5, "n_train": 2, "max_new_tokens_train": 9, "prompt_format": "raw",
    "reasoning_effort": "low", "dtype_train": "float32", "seed": 4, "system_message": "s",
    "enable_thinking": False, "chat_template_args": '{"a": 1}', "template_date": "2026-01-31",
}  # fmt: skip
"""All fields that the samples depend on, with another value."""


def test_samples_are_named_by_what_shapes_them_and_by_nothing_else():
    plain = samples_fingerprint(Recipe(), **PARTS)
    for name, value in OTHERWISE.items():
        assert samples_fingerprint(dataclasses.replace(Recipe(), **{name: value}), **PARTS) != plain, name
    for part in PARTS:
        assert samples_fingerprint(Recipe(), **{**PARTS, part: "other"}) != plain
    trained = Recipe(
        lr=1.0, steps=3, epochs=1.0, lora_rank=4, lora_alpha=2.0, filter="none", rounds=3, batch_size_train=3,
        trainer="x", transform="y", dtype_checkpoint="float16", prompts="q", prompt_limit=3, gpus=3, T_eval=0.1, T_base=2.0,
    )  # fmt: skip
    assert samples_fingerprint(trained, **PARTS) == plain


def test_a_new_field_counts_until_somebody_says_otherwise():
    shaping = {name for name, known in FIELDS.items() if known.metadata["side"] == "train"}
    fields = {"filter", "transform", "rounds", "trainer", "sampler"} | {name for name in shaping if "prompts" in name}
    fields |= {
        "steps",
        "epochs",
        "batch_size_train",
        "max_length_train",
        "lr",
        "min_lr",
        "warmup_steps",
        "weight_decay",
    }
    fields |= {"prompt_template", "prompt_style", "loss_weighting"}
    fields |= {"beta1", "beta2", "max_grad_norm", "dtype_checkpoint", "prompt_limit", "tests_column", "starter_column"}
    fields |= {
        "prompt_column",
        "id_column",
    }
    fields |= {name for name in shaping if name.startswith("lora_")}
    assert shaping - fields == OTHERWISE.keys()


@pytest.fixture
def stage(state):
    """Write a finished sampling stage of a run."""

    def write(run, identity, count=3):
        folder = home() / "runs" / run / "round-1" / "sample"
        folder.mkdir(parents=True)
        shards.write_shard(folder, 0, [Sample(f"p{k}", 0, (1,), (2, 3), "a", "eos") for k in range(count)])
        shards.write_manifest(folder, {"shards": 1, drawn.IDENTITY: identity, "samples": count})
        return folder

    return write


def test_the_same_samples_are_taken_over_with_their_origin(stage):
    stage("other", "x", count=1)
    made = stage("first", "y")
    mine = home() / "runs" / "second" / "round-1" / "sample"
    assert drawn.adopt(mine, "y") == "first"
    assert list(shards.read_samples(mine)) == list(shards.read_samples(made))
    assert shards.read_manifest(mine) == {**shards.read_manifest(made), "drawn_for": "first"}
    # The one that drew them may go.
    shards.shard_path(made, 0).unlink()
    assert shards.is_whole(mine)


@pytest.fixture
def begun(stage):
    """Write a sampling stage that died: sound shards, one that is damaged, no manifest."""

    def write(run, identity, numbers):
        folder = stage(run, identity)
        (folder / "manifest.json").unlink()
        (folder / "job.json").write_text(json.dumps({"identity": identity}))
        for number in numbers:
            shutil.copy(shards.shard_path(folder, 0), shards.shard_path(folder, number))
        shards.shard_path(folder, 9).write_bytes(b"half")
        return folder

    return write


def test_finished_shards_of_a_run_that_died_are_taken_over_unless_they_are_damaged_or_there(begun):
    begun("other", "x", [1, 2, 3])
    begun("first", "y", [1, 2])
    mine = begun("mine", "y", [1, 4])
    (home() / "runs" / "strange" / "round-1" / "sample").mkdir(parents=True)
    (home() / "runs" / "strange" / "round-1" / "sample" / "job.json").write_text("[]")
    assert drawn.adopt(mine, "y") is None
    assert drawn.adopt_shards(mine, "y") == {"first": 1}
    assert sorted(file.name for file in mine.glob("samples-*")) == [f"samples-0000{k}.parquet" for k in (0, 1, 2, 4, 9)]
    assert list(shards.read_shard(shards.shard_path(mine, 2)))


def test_who_wants_the_same_samples_waits_and_is_told_for_whom(begun):
    mine, first = begun("mine", "y", []), begun("zeroth", "y", [])
    told = []

    def wait():
        with drawn.reserved(mine, "y", told.append):
            told.append("mine")

    with drawn.reserved(first, "y", told.append), drawn.reserved(mine, "x", told.append):
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not told:
            time.sleep(0.01)
        assert told == ["run zeroth"]
    waiting.join(10)
    assert told == ["run zeroth", "mine"]


def test_another_user_who_may_write_takes_shards_over_too(shared, as_nobody, begun, monkeypatch):
    """By copying: the lock and the shards are somebody else's."""
    monkeypatch.setenv("SSD_HARNESS_HOME", str(shared / "home"))
    first = begun("first", "y", [1])
    mine = home() / "runs" / "mine" / "round-1" / "sample"
    mine.mkdir(parents=True)
    for folder in [home(), *home().rglob("*")]:
        if folder.is_dir():
            folder.chmod(0o775)
    with drawn.reserved(first, "y", pytest.fail):
        pass

    def take():
        with drawn.reserved(mine, "y", pytest.fail):
            return drawn.adopt_shards(mine, "y")

    assert as_nobody(take) == "{'first': 2}"
    assert (mine / "samples-00001.parquet").stat().st_uid == 65534


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: shards.shard_path(folder, 0).unlink(),
        lambda folder: shards.shard_path(folder, 0).write_bytes(b"half"),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "manifest.json").write_text(json.dumps({"identity": "y", "shards": "many"})),
        lambda folder: (folder / "manifest.json").write_text("{"),
    ],
)
def test_what_is_not_whole_is_drawn_again(stage, spoil):
    spoil(stage("first", "y"))
    mine = home() / "runs" / "second" / "round-1" / "sample"
    assert drawn.adopt(mine, "y") is None
    assert not mine.exists()
