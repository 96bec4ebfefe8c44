"""The evaluation that was asked for is told and checked before anything is sampled or loaded."""

import contextlib
import json

import pytest

pytest.importorskip("torch")

from ssd_harness.artifacts import base_model, registry
from ssd_harness.distill import estimate, pipeline, planning
from ssd_harness.errors import UsageError
from ssd_harness.estimates import machine
from ssd_harness.estimates.evaluation_cost import EvaluationEngine
from ssd_harness.estimates.machine import Machine
from ssd_harness.harness import run_context
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.models.cost_inputs import requested_evaluation
from ssd_harness.harness.models.model_under_test import prepare_model
from ssd_harness.home import home
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.presets import by_name

MINI, QWEN_30B = "livecodebench_mini", "Qwen/Qwen3-30B-A3B-Instruct-2507"
ROOM = 1e12
LITTLE = 3e5
"""Bytes: too little to evaluate the tiny model."""


@pytest.fixture
def ask():
    """Stand in for lm-eval running our tasks."""
    with contextlib.ExitStack() as contexts:

        def ask(**fields):
            request = EvaluationRequest(**{"tasks": (MINI,), "own_tasks": (MINI,), "own_model": True, **fields})
            contexts.enter_context(run_context.entered(run_context.current().for_evaluation(request)))

        yield ask


@pytest.mark.parametrize(
    ("fields", "recipe", "programs", "longest"),
    [
        ({}, Recipe(), 360, 512),  # 36 problems, 10 programs each, the task's own length
        ({"limit": 5, "metadata": {"repeats": 3}}, Recipe(max_gen_toks_eval=100), 15, 100),
        ({"limit": 0.5, "gen_kwargs": {"max_new_tokens": 64}}, Recipe(max_gen_toks_eval=100), 180, 64),
        ({"samples": {MINI: [0, 7]}}, Recipe(), 20, 512),
    ],
)
def test_programs_and_lengths_are_those_of_the_request(ask, fields, recipe, programs, longest):
    ask(**fields)
    found = requested_evaluation(recipe, EvaluationEngine())
    assert (found.tasks, found.programs, found.longest) == ((MINI,), programs, longest)
    assert found.tokens == programs * longest


def test_of_tasks_that_are_not_ours_nothing_is_known(ask):
    assert requested_evaluation(Recipe(), EvaluationEngine()) is None
    ask(tasks=("gsm8k",), own_tasks=())
    assert requested_evaluation(Recipe(), EvaluationEngine()) is None


@pytest.fixture
def find(state, tiny_model, tmp_path, monkeypatch, ask):
    """Find the subject of an evaluation on a machine with so much memory; returns whether the stages started."""
    ask(metadata={"repeats": 1}, gen_kwargs={"max_gen_toks": 200})
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "Add\\ntwo."}\n')

    class StartedError(Exception):
        pass

    def start(*_):
        raise StartedError

    monkeypatch.setattr(pipeline, "run", start)

    def find(memory, pretrained=str(tiny_model), **fields):
        monkeypatch.setattr(machine, "host_bytes", lambda: memory)
        own = {"device": "cpu"} | ({} if pretrained.startswith(registry.PREFIX) else {"prompts": str(prompts)})
        try:
            prepare_model(pretrained, {**own, **fields}, arguments={"device": "cpu"})
        except StartedError:
            return True
        return False

    return find


def test_the_plan_of_the_literal_command_tells_and_checks_the_evaluation(find, capsys):
    assert find(ROOM)
    said = capsys.readouterr().err
    assert f"evaluation on {MINI}: 36 programs, at most 7,200 tokens" in said
    assert "to sample, under a minute to train and under a minute to evaluate at most" in said
    assert "evaluation under 0.1 GB (weights under 0.1, cache of a sequence under 0.1); 1,000 GB of memory here" in said
    # Training and sampling take more than this; with the check off, nothing is stopped.
    with pytest.raises(UsageError, match="evaluating sequences of 700 tokens takes about"):
        find(LITTLE)
    assert find(LITTLE, check_fit="false")


def test_a_base_and_a_checkpoint_are_checked_before_they_are_loaded(find, tiny_model, monkeypatch, capsys):
    def load(*_):
        pytest.fail("the base was fetched")

    with monkeypatch.context() as patch:
        patch.setattr(base_model.BaseModel, "folder", load)
        with pytest.raises(UsageError, match="does not fit, by estimate: evaluating sequences of 700 tokens"):
            find(LITTLE, rounds=0)
    request = run_context.current().request
    with (
        run_context.dry_run("arguments") as dry,
        run_context.entered(dry.for_evaluation(request)),
        pytest.raises(run_context.DryRunFinished),
    ):
        find(LITTLE, rounds=0)  # this dry run does not check the machine
    assert not find(LITTLE, rounds=0, check_fit="false")
    assert not find(ROOM, rounds=0)
    assert f"evaluation on {MINI}: 36 programs, at most 7,200 tokens; GPU time (estimated): " in capsys.readouterr().err
    copy = registry.models_folder().parent / "work"
    copy.mkdir(parents=True)
    for file in tiny_model.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    manifest = {"fingerprint": "f" * 64, "recipe": {"T_eval": 0.8}, "rounds": [], "base": {"name": "b"}}
    registry.register("made", copy, manifest)
    with pytest.raises(UsageError, match="evaluating sequences of 700 tokens"):
        find(LITTLE, "ssd:made")
    assert not find(ROOM, "ssd:made")
    assert json.loads((registry.get("made").path / "ssd_manifest.json").read_text())["name"] == "made"


@pytest.fixture
def qwen_30b(tiny_model, tmp_path):
    """A folder with the settings of Qwen3-30B-A3B, and neither its weights nor its tokenizer."""
    folder = tmp_path / "qwen3-30b"
    folder.mkdir()
    for file in tiny_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())  # of a few kB
    config = json.loads((folder / "config.json").read_text()) | dict(by_name(QWEN_30B).config)
    config |= {"dtype": "bfloat16", "layer_types": None, "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def test_the_plan_at_real_size_tells_all_beside_the_gpus_that_are_here(find, ask, qwen_30b, monkeypatch, capsys):
    ask(metadata={"repeats": 10})
    monkeypatch.setattr(planning, "this_machine", lambda _: Machine(1.41e11, 2e12, on_gpu=True, gpus=8))
    monkeypatch.setattr(estimate, "free_disk", lambda: (home(), 4 * 10**12))
    recipe = {"recipe": "8gpus-30b-a3b", "steps": 2500, "batch_size_train": 32, "max_gen_toks_eval": 65_536}
    assert find(ROOM, qwen_30b, **recipe)
    said = capsys.readouterr().err
    assert f"evaluation on {MINI}: 360 programs, at most 23,592,960 tokens" in said
    assert "hours to train and 5.4 hours to evaluate at most" in said
    assert "evaluation 68 GB (weights 61, cache of a sequence 7.3); 141 GB of the GPU here" in said
    assert "4,000 GB are free" in said
    monkeypatch.setattr(planning, "this_machine", lambda _: Machine(6.4e10, 2e12, on_gpu=True, gpus=8))
    with pytest.raises(UsageError) as error:
        find(ROOM, qwen_30b, **recipe)
    assert "evaluating sequences of 66,036 tokens takes about 68 GB, more than the 64 GB of the GPU here" in str(
        error.value
    )
    assert "--gen_kwargs max_gen_toks=16384 (63 GB to evaluate); parallelize=True (8.5 GB to evaluate)" in str(
        error.value
    )
