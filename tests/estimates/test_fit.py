"""A run that cannot fit is stopped before it samples, and what is named instead fits by the same estimate."""

import dataclasses
import json
import re

import pytest

from ssd_harness.cli.main import main
from ssd_harness.distill import estimate
from ssd_harness.errors import ExitCode
from ssd_harness.estimates import machine
from ssd_harness.estimates.device_memory import gigabytes
from ssd_harness.estimates.machine import Machine, usual_gpu
from ssd_harness.estimates.model_size import by_config, size_of
from ssd_harness.estimates.training_fit import misfits, need_of, ways
from ssd_harness.recipe.definition import FIELDS, Recipe, coerce
from ssd_harness.recipe.presets import launches
from ssd_harness.recipe.resolution import resolve, without_run_side

MARGIN = 0.1
"""Part of the GPU that a shipped recipe's estimate leaves free: what drivers and allocators take is not counted."""
SMALL = 2e7
"""Bytes: enough to sample from the tiny model, and too little to train it."""
BIG, LLAMA = "Qwen/Qwen3-4B-Instruct-2507", "meta-llama/Llama-3.1-8B-Instruct"


@pytest.mark.parametrize(
    ("launch", "model"), [(one.name, model) for one in launches().values() for model in one.models]
)
def test_a_shipped_recipe_fits_the_gpu_that_it_is_for(launch, model):
    gpu_gb = launches()[launch].gpu_gb
    recipe = resolve(model, {"recipe": launch}).recipe
    need = need_of(recipe, size_of(model, None), usual_gpu(gpu_gb), stored=2)
    assert need.memory <= (1 - MARGIN) * gpu_gb * 1e9
    assert recipe.steps == resolve(model, {}).recipe.steps  # the model's own stays below it


def test_there_is_a_recipe_for_one_gpu_of_each_size_and_model():
    alone = {
        (one.gpu_gb, model) for one in launches().values() if one.fields.get("gpus", 1) == 1 for model in one.models
    }
    assert {(gpu, model) for gpu in (80, 24) for model in (BIG, LLAMA)} <= alone


def test_a_recipe_with_adapters_is_told_not_to_be_the_papers(state, capsys):
    assert main(["recipe", "show", BIG, "recipe=1gpu-24gb-4b"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "LoRA of rank 32: trains adapters, unlike the paper's full fine-tuning" in out
    assert "launch 1gpu-24gb-4b: LoRA in place of the paper's full fine-tuning" in out
    assert "that fits the 24 GB of a GPU (none is here)" in out
    assert main(["recipe", "show", BIG]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "LoRA of rank" not in out
    assert "warning: training takes about 110 GB, more than the 80 GB of a GPU (none is here)" in out
    assert "what would fit: lora_rank=32" in out


def changed(recipe, way):
    """Return the recipe with the settings of a way, as a user would give them."""
    words = dict(word.split("=") for word in way.partition(" (")[0].split(","))
    return dataclasses.replace(recipe, **{name: coerce(name, value) for name, value in words.items()})


@pytest.mark.parametrize("model", [BIG, LLAMA, "Qwen/Qwen3-30B-A3B-Thinking-2507", "no/preset"])
@pytest.mark.parametrize("size_gb", [16, 24, 80, 140])
@pytest.mark.parametrize("on_gpu", [True, False])
def test_what_is_named_as_fitting_fits(model, size_gb, on_gpu):
    recipe, size = resolve(model, {"prompts": "p"}).recipe, size_of(BIG if model == "no/preset" else model, None)
    here = Machine(size_gb * 1e9, float("inf"), on_gpu=on_gpu)
    assert misfits(need_of(recipe, size, here, stored=2), here) or size_gb == 140
    for way in ways(recipe, size, here, stored=2):
        need = need_of(changed(recipe, way), size, here, stored=2)
        assert not misfits(need, here), way
        assert f"({gigabytes(need.memory)} GB" in way


def test_the_smallest_change_comes_first():
    recipe, size = resolve("no/preset", {"prompts": "p"}).recipe, size_of(BIG, None)
    same, *_ = ways(recipe, size, usual_gpu(140), stored=2)
    assert same.startswith("gradient_checkpointing=true,micro_batch_size=1 (")
    shorter = ways(dataclasses.replace(resolve(BIG, {}).recipe), size, usual_gpu(100), stored=2)
    assert [way.partition(" (")[0] for way in shorter] == ["max_length_train=32768", "gpus=2", "lora_rank=32"]
    assert not any("gpus" in way for way in ways(recipe, size, Machine(1e11, 1e11, on_gpu=False), stored=2))


def test_processes_on_a_cpu_share_its_memory():
    size, here = size_of(BIG, None), Machine(1e12, 1e12, on_gpu=False)
    one, two = (need_of(Recipe(gpus=gpus, lora_rank=8), size, here, stored=2) for gpus in (1, 2))
    assert two.to_sample == 2 * one.to_sample


def test_no_sequence_is_longer_than_the_models_context():
    config = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 99}
    config |= {"intermediate_size": 64, "max_position_embeddings": 512}
    need = need_of(Recipe(), by_config(config), usual_gpu(80), stored=2)
    assert (need.row, need.sequence) == (512, 512)


@pytest.mark.parametrize(
    "odd",
    [
        {"hidden_size": -1},
        {"num_hidden_layers": "9" * 99},
        {"vocab_size": 10**30},
        {"kv_lora_rank": 512},
        {"vocab_size": 1.5},
    ],
)
def test_a_configuration_that_cannot_be_counted_is_not_estimated(tmp_path, odd):
    config = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "vocab_size": 99,
        "intermediate_size": 64,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert size_of("x", tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | odd))
    assert size_of("x", tmp_path) is None


def test_weights_that_are_another_amount_are_not_estimated(tmp_path):
    config = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "vocab_size": 99,
        "intermediate_size": 64,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    with (tmp_path / "model.safetensors").open("wb") as stream:
        stream.truncate(60_000_000)  # a sparse file
    assert size_of("x", tmp_path) is None


def test_the_field_to_go_on_is_the_users_alone():
    assert FIELDS["check_fit"].metadata["side"] == "run"  # and so in no fingerprint
    assert "check_fit" not in without_run_side({"check_fit": False, "lr": 1e-5})


@pytest.fixture
def run(state, tiny_model, tmp_path, monkeypatch, capsys):
    """Run ``distill`` on the tiny model on a machine of so much memory and disk; return code, stderr, and what ran."""
    from ssd_harness.distill import pipeline

    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "Add\\ntwo."}\n')
    started = []

    def go_on(*_):
        started.append(1)
        raise KeyboardInterrupt

    def run(memory, *words, free=1e12, model=tiny_model):
        started.clear()
        monkeypatch.setattr(machine, "host_bytes", lambda: memory)
        monkeypatch.setattr(estimate, "free_disk", lambda: (tmp_path, free))
        monkeypatch.setattr(pipeline, "run", go_on)
        code = main(["distill", str(model), f"prompts={prompts}", "device=cpu", *words])
        return code, capsys.readouterr().err, bool(started)

    return run


def test_memory_that_does_not_suffice_stops_the_run_before_it_samples(run, state):
    code, err, started = run(SMALL)
    assert (code, started) == (ExitCode.USAGE, False)
    last = err.rstrip().splitlines()[-1]
    assert re.search(
        r"does not fit, by estimate: training .*takes about .* GB, more than the under 0.1 GB of memory here", last
    )
    assert "check_fit=false continues anyway" in last
    assert "what would fit: gradient_checkpointing=true" in last
    assert "memory (estimated): training " in err
    assert not (state / "training").exists()
    _, err, started = run(SMALL, "check_fit=false")
    assert started
    assert "does not fit" not in err
    named = last.partition("what would fit: ")[2].partition(" (")[0]
    assert run(SMALL, *named.split(","))[2], named


def test_a_disk_that_does_not_suffice_stops_the_run(run):
    code, err, started = run(1e12, free=1e5)
    assert (code, started) == (ExitCode.USAGE, False)
    assert "GB of disk, and 0.0001 GB are free" in err
    assert "SSD_HARNESS_HOME=" in err.splitlines()[-1]
    assert run(1e12)[2]


def test_the_plan_tells_tokens_time_disk_and_memory_before_a_run(run):
    _, err, started = run(1e12, "max_new_tokens_train=100")
    assert started
    for line in (
        "samples: 1, at most 100 tokens",
        "training: ",
        "GPU time (estimated): ",
        "disk (estimated): at most ",
    ):
        assert line in err
    assert "1,000 GB of memory here (no GPU is used)" in err


def test_a_model_that_cannot_be_estimated_is_told_and_goes_on(run, tiny_model, tmp_path):
    import shutil

    folder = tmp_path / "odd"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"kv_lora_rank": 8}))
    _, err, started = run(1e3, model=folder)
    assert started
    assert "cannot be estimated: the size of this model is not known" in err


def test_samples_alone_need_no_memory_to_train(run, monkeypatch):
    from ssd_harness.distill import pipeline

    drawn = []
    monkeypatch.setattr(pipeline, "draw_samples", lambda plan: drawn.append(plan) or plan.rounds[0].kept)
    assert run(SMALL, "--until", "samples")[0] == ExitCode.DONE
    assert drawn
