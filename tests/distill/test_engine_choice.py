"""The engine decides the sampler, unless that is named; and what the other engine has made is used."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytest.importorskip("torch")

from ssd_harness.artifacts import registry, shards
from ssd_harness.distill import resolving
from ssd_harness.distill.planning import make_plan
from ssd_harness.distill.resolving import resolve_for
from ssd_harness.engines.choice import EngineChoice

pytestmark = pytest.mark.hf


@pytest.fixture
def plan(state, tiny_model, tmp_path, monkeypatch):
    """Plan on a machine whose automatic engine is this one; returns the plan and its lines."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"prompt": "Add\ntwo."}))

    def plan(engine, **fields):
        monkeypatch.setattr(resolving, "choose_engine", lambda asked, **_: EngineChoice(engine, f"since {engine} is"))
        lines = []
        own = {"prompts": str(prompts), **fields}
        return make_plan(str(tiny_model), own, tell=lines.append, goal="none"), "\n".join(lines)

    return plan


def register(plan, name, folder):
    folder.mkdir()
    registry.register(name, folder, {"fingerprint": plan.fingerprint, "recipe": {}, "rounds": []})


@pytest.mark.parametrize(
    ("engine", "fields", "sampler"),
    [
        ("vllm", {}, "vllm"),
        ("transformers", {}, "hf"),
        ("vllm", {"sampler": "hf"}, "hf"),
        ("transformers", {"sampler": "vllm"}, "vllm"),
    ],
)
def test_the_sampler_follows_the_engine_unless_it_is_named(plan, engine, fields, sampler):
    made, said = plan(engine, **fields)
    assert (made.recipe.engine, made.recipe.sampler) == (engine, sampler)
    assert made.resolved.origins["engine"] == f"since {engine} is"
    assert f"since {engine} is" in said


def test_the_engine_takes_no_part_in_the_fingerprint(plan):
    assert plan("vllm", sampler="hf")[0].fingerprint == plan("transformers")[0].fingerprint
    assert plan("vllm")[0].fingerprint != plan("transformers")[0].fingerprint


@pytest.mark.parametrize(
    ("first", "then", "by"), [("transformers", "vllm", "transformers"), ("vllm", "transformers", "vLLM")]
)
def test_a_checkpoint_of_the_other_engine_is_used(plan, tmp_path, first, then, by):
    register(plan(first)[0], "mine", tmp_path / "made")
    made, said = plan(then)
    assert made.checkpoint.name == "mine"
    assert f"exists with samples drawn by {by}" in said
    assert plan(then, sampler=made.recipe.sampler)[0].checkpoint.name == "mine"
    named = {"hf": "vllm", "vllm": "hf"}[made.recipe.sampler]
    assert plan(then, sampler=named)[0].checkpoint is None


def test_its_own_checkpoint_comes_first(plan, tmp_path):
    register(plan("transformers")[0], "slow", tmp_path / "slow")
    register(plan("vllm", sampler="vllm")[0], "fast", tmp_path / "fast")
    assert plan("vllm")[0].checkpoint.name == "fast"
    assert plan("transformers")[0].checkpoint.name == "slow"


def test_samples_that_the_other_engine_has_drawn_are_trained_on(plan):
    before = plan("vllm")[0]
    folder = before.rounds[0].samples
    folder.mkdir(parents=True)
    before.rounds[0].training.mkdir(parents=True)
    made, said = plan("transformers")
    assert made.recipe.sampler == "hf"
    assert "a run of this recipe with vLLM is unfinished: sampler=vllm continues it" in said
    shards.write_manifest(folder, {"shards": 0})
    made, said = plan("transformers")
    assert made.fingerprint == before.fingerprint
    assert "the samples are drawn already, by vLLM" in said


def test_a_manifest_does_not_bring_its_engine_along(plan, state, tmp_path):
    (tmp_path / "made").mkdir()
    recipe = {"engine": "vllm", "prompts": "demo"}
    registry.register("theirs", tmp_path / "made", {"fingerprint": "ab", "recipe": recipe, "rounds": []})
    plan("transformers")
    assert resolve_for("ssd:theirs").recipe.engine == "transformers"


@pytest.mark.skipif(bool(find_spec("vllm")), reason="vLLM is installed here")
@pytest.mark.parametrize(("words", "says"), [("engine", "engine=vllm is given, but"), ("sampler", "")])
def test_vllm_that_is_not_installed_is_refused_before_sampling(state, words, says):
    command = [sys.executable, "-m", "ssd_harness", "distill", "demo", f"{words}=vllm", "prompts=demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert f"{says} vLLM is not installed; pip install 'ssd-harness[hf,vllm]'" in done.stderr.replace("error: ", " ")
    assert not (state / "training").exists()


def test_an_unknown_engine_is_one_line(state):
    command = [sys.executable, "-m", "ssd_harness", "distill", "demo", "engine=fast"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "recipe field engine: expected auto, transformers or vllm, got 'fast'" in done.stderr
    assert not (state / "training").exists()
