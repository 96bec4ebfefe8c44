"""Samples are drawn once for all recipes that ask for the same ones."""

import dataclasses
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ssd_harness import storage
from ssd_harness.artifacts import shards
from ssd_harness.artifacts.layout import kept_folder, samples_folder
from ssd_harness.distill import artifact
from ssd_harness.distill.job import Job
from ssd_harness.distill.planning import make_plan
from ssd_harness.errors import InfrastructureError
from ssd_harness.extensions.contracts import Sample
from ssd_harness.recipe.definition import FIELDS, Recipe
from ssd_harness.recipe.fingerprint import samples_fingerprint

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


def test_kept_samples_are_named_by_samples_and_filter_and_a_plugins_filter_by_all(state, tiny_model, tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"prompt": "Add\\ntwo."}))

    def first(**fields):
        given = {"prompts": str(prompts), "T_train": 1.2, **fields}
        return make_plan(str(tiny_model), given, tell=lambda _: None).rounds[0]

    plain, trained, filtered, drawn = first(), first(lr=1e-4, steps=3), first(filter="none"), first(seed=1)
    assert (trained.samples, trained.kept) == (plain.samples, plain.kept)
    assert trained.training != plain.training
    assert filtered.samples == plain.samples
    assert len({plain.kept, filtered.kept, drawn.kept}) == 3
    assert drawn.samples != plain.samples
    # A plugin's filter is handed the whole recipe and may read any field of it.
    plan = make_plan(str(tiny_model), {"prompts": str(prompts)}, tell=lambda _: None)
    of_plugin = [
        replace(plan, parts={**plan.parts, "filter": "mine@2"}, resolved=replace(plan.resolved, recipe=recipe)).rounds[
            0
        ]
        for recipe in (plan.recipe, replace(plan.recipe, lr=1e-4))
    ]
    assert of_plugin[0].samples == of_plugin[1].samples
    assert of_plugin[0].kept != of_plugin[1].kept


@pytest.fixture
def stage(state):
    """Write a finished sampling stage."""

    def write(identity, count=3):
        folder = samples_folder(identity)
        folder.mkdir(parents=True)
        shards.write_shard(folder, 0, [Sample(f"p{k}", 0, (1,), (2, 3), "a", "eos") for k in range(count)])
        shards.write_manifest(folder, {"shards": 1, "samples": count})
        return folder

    return write


JOB = Job("sample", Recipe(), Path("m"), Path("p"), 1, 0)


@pytest.fixture
def ran(monkeypatch):
    """Run no stage, but note in which folder one would have run."""
    folders = []

    def run(job, folder, *, locks):
        folder.mkdir(parents=True, exist_ok=True)
        folders.append(folder)

    monkeypatch.setattr(artifact, "run_stage", run)
    return folders


def test_the_same_samples_are_reused_with_nothing_copied(stage, ran, capsys):
    stage("x" * 64, count=1)
    made = stage("y" * 64)
    before = {file: file.stat().st_mtime_ns for file in made.iterdir()}
    assert artifact.fill(made, JOB, run_lock=0) == made
    assert ran == []
    assert "drawn before, reused" in capsys.readouterr().err
    assert {file: file.stat().st_mtime_ns for file in made.iterdir()} == before


def test_who_wants_the_same_samples_waits_and_is_told_so_and_who_wants_others_does_not(stage, ran, monkeypatch):
    mine, other = samples_folder("y" * 64), samples_folder("x" * 64)
    told = []
    monkeypatch.setattr(artifact, "say", told.append)

    def wait():
        artifact.fill(mine, JOB, run_lock=0)
        told.append("done")

    with storage.locked(mine / "lock"):
        artifact.fill(other, JOB, run_lock=0)
        assert ran == [other]
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not told:
            time.sleep(0.01)
        assert told == [f"samples {'y' * 16}: another run is drawing the same samples, waiting for it"]
    waiting.join(10)
    assert told[1:] == ["done"]
    assert ran == [other, mine]
    # Who waited for one that finished draws nothing.
    with storage.locked(mine / "lock"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        while len(told) < 3:
            time.sleep(0.01)
        shards.write_shard(mine, 0, [Sample("p", 0, (1,), (2, 3), "a", "eos")])
        shards.write_manifest(mine, {"shards": 1})
    waiting.join(10)
    assert told[3:] == [f"samples {'y' * 16}: drawn before, reused", "done"]
    assert ran == [other, mine]


def test_another_user_who_may_write_goes_on_with_shards_of_one_that_died(shared, as_nobody, stage, monkeypatch):
    """Lock and shards are somebody else's; the folder is the group's."""
    monkeypatch.setenv("SSD_HARNESS_HOME", str(shared / "home"))
    before = os.umask(0o002)
    try:
        folder = stage("y" * 64)
        with storage.locked(folder / "lock"):
            pass
    finally:
        os.umask(before)
    (folder / "manifest.json").unlink()

    def go_on():
        with storage.locked(folder / "lock", pytest.fail):
            JOB.write(folder)
            shards.write_shard(folder, 1, [Sample("p9", 0, (1,), (2, 3), "a", "eos")])
            shards.write_manifest(folder, {"shards": 2})
        return shards.is_whole(folder)

    assert as_nobody(go_on) == "True"
    assert (folder / "samples-00001.parquet").stat().st_uid == 65534
    assert [sample.prompt_id for sample in shards.read_samples(folder)] == ["p0", "p1", "p2", "p9"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: shards.shard_path(folder, 0).unlink(),
        lambda folder: shards.shard_path(folder, 0).write_bytes(b"half"),
        lambda folder: shards.shard_path(folder, 0).write_bytes(shards.shard_path(folder, 0).read_bytes()[:-9]),
        lambda folder: shards.shard_path(folder, 0).write_bytes(b""),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "manifest.json").write_text(json.dumps({"shards": "many"})),
        lambda folder: (folder / "manifest.json").write_text("{"),
    ],
)
def test_what_is_not_whole_is_drawn_again(stage, ran, spoil):
    folder = stage("y" * 64)
    spoil(folder)
    artifact.fill(folder, JOB, run_lock=0)
    assert ran == [folder]


def test_samples_that_are_removed_while_they_wait_to_be_filtered_are_one_line(stage, ran):
    samples = stage("y" * 64)
    job = dataclasses.replace(JOB, stage="filter", samples=samples)
    artifact.fill(kept_folder("k" * 64), job, run_lock=0)
    assert len(ran) == 1
    (samples / "manifest.json").unlink()
    with pytest.raises(InfrastructureError, match="the samples to filter have been removed meanwhile"):
        artifact.fill(kept_folder("l" * 64), job, run_lock=0)
