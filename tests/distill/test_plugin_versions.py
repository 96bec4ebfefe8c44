"""What plugins provide has a version: an edited plugin makes a new checkpoint, an unchanged one finds the old."""

import functools
import importlib
import json
import sys

import pytest

from ssd_harness.artifacts import registry
from ssd_harness.distill.planning import make_plan
from ssd_harness.distill.run_manifest import description
from ssd_harness.extensions import components, plugin_manager
from ssd_harness.extensions.plugin_version import source_version, version_of

SOURCE = """
from ssd_harness.extensions.contracts import Prompt
from ssd_harness.distill.filters import keep_if
from ssd_harness.distill.pipeline import distill
from ssd_harness.extensions.components import Filter, PromptSource, Transform
from ssd_harness.extensions.hookspecs import hookimpl
from my_plugin.rules import LEAST

VERSION = None

def lengthy(argument, recipe):
    return keep_if(lambda candidate: len(candidate.sample.text) > LEAST, otherwise="short")

def counting(argument, recipe):
    return [Prompt(str(k), (("user", f"Count to {k}."),)) for k in range(3)]

def mine(plan):
    return distill(plan)

@hookimpl
def ssd_sample_filters():
    return [Filter("lengthy", lengthy, version=VERSION)]

@hookimpl
def ssd_prompt_sources():
    return [PromptSource("counting", counting, version=VERSION)]

@hookimpl
def ssd_transforms():
    return [Transform("mine", mine, version=VERSION)]
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Return what writes the plugin's package, loads it anew and lets the package find it."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    folder = tmp_path / "site" / "my_plugin"
    folder.mkdir(parents=True)

    def load(rules="LEAST = 3", source=SOURCE):
        for name in [name for name in sys.modules if name.partition(".")[0] == "my_plugin"]:
            del sys.modules[name]
        (folder / "__init__.py").write_text(source)
        (folder / "rules.py").write_text(rules)
        for cached in folder.rglob("*.pyc"):
            cached.unlink()
        importlib.invalidate_caches()
        manager = plugin_manager.load(outside=False)
        manager.register(importlib.import_module("my_plugin"), "mine")
        monkeypatch.setattr(plugin_manager, "plugin_manager", lambda: manager)
        return sys.modules["my_plugin"]

    yield load
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_plugin"]:
        del sys.modules[name]


@pytest.fixture
def fingerprint_of(state, tmp_path):
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "other"}')
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt": "Count."}) + "\n")

    def fingerprint_of(**fields):
        fields = {"prompts": str(tmp_path / "p.jsonl"), **fields}
        return make_plan(str(folder), fields, tell=lambda _: None).fingerprint

    return fingerprint_of


@pytest.mark.hf
@pytest.mark.parametrize("fields", [{"filter": "lengthy"}, {"prompts": "counting"}, {"transform": "mine"}])
def test_an_edited_plugin_is_another_and_an_unchanged_one_the_same(plugin, fingerprint_of, fields):
    plugin()
    before, plain = fingerprint_of(**fields), fingerprint_of()
    plugin()
    assert fingerprint_of(**fields) == before
    plugin(rules="LEAST = 4")  # in another file than the factory's
    assert fingerprint_of(**fields) != before
    assert fingerprint_of() == plain
    plugin(source=SOURCE + "\nVERSION = '7'\n")
    declared = fingerprint_of(**fields)
    plugin(rules="LEAST = 9", source=SOURCE + "\nVERSION = '7'\n")
    assert fingerprint_of(**fields) == declared != before


@pytest.mark.hf
def test_a_checkpoint_of_an_edited_plugin_is_named_with_what_differs(plugin, fingerprint_of, tmp_path):
    def lines(**fields):
        told = []
        fields = {"prompts": str(tmp_path / "p.jsonl"), **fields}
        plan = make_plan(str(tmp_path / "base"), fields, tell=told.append)
        return plan, [line for line in told if "not reused" in line]

    plugin()
    plan, said = lines(filter="lengthy")
    assert said == []
    (tmp_path / "made").mkdir()
    registry.register("mine", tmp_path / "made", description(plan, plan.rounds[0], None))
    assert lines(filter="lengthy")[1] == []  # it is reused
    plugin(rules="LEAST = 4")
    assert lines(filter="lengthy")[1] == ["  not reused: ssd:mine, made with another filter"]
    assert lines(filter="lengthy", lr=1e-4)[1] == []
    (tmp_path / "q.jsonl").write_text(json.dumps({"prompt": "Count more."}) + "\n")
    assert "ssd:mine, made with other prompts" in lines(filter="lengthy", prompts=str(tmp_path / "q.jsonl"))[1][0]


def test_built_in_parts_declare_their_versions(plugin):
    plugin()
    for kind in (kind for kind in components.TYPES if issubclass(kind, components.VersionedComponent)):
        every = plugin_manager.plugin_manager().components(kind).values()
        built_in = [component for component in every if plugin_manager.is_builtin(component)]
        assert built_in
        assert all(version_of(component).isdecimal() for component in built_in)


def test_what_stands_behind_a_factory_is_looked_at(plugin):
    module = plugin()

    @functools.wraps(module.lengthy)
    def wrapped(*arguments):
        return module.lengthy(*arguments)

    known = source_version(module.lengthy)
    assert "source" in known
    assert source_version(functools.partial(module.lengthy, "x")) == source_version(wrapped) == known
    space = {}
    exec("def typed(a, b): return a", space)
    other = {}
    exec("def typed(a, b): return b", other)
    assert source_version(space["typed"]) != source_version(other["typed"])


@pytest.mark.hf
def test_fingerprints_of_built_in_parts_are_those_of_before(fingerprint_of, tmp_path, state):
    """A checkpoint that was registered before filters had versions is still found."""
    from ssd_harness.artifacts.base_model import find_base
    from ssd_harness.prompts.prompt_set import collect
    from ssd_harness.recipe.fingerprint import fingerprint

    fields = {"prompts": str(tmp_path / "p.jsonl"), "filter": "none"}
    plan = make_plan(str(tmp_path / "base"), fields, tell=lambda _: None)
    base, prompts = find_base(str(tmp_path / "base")), collect(plan.recipe)
    parts = {"base": base.weights, "tokenizer": base.tokenizer, "prompts": prompts.sha256}
    assert plan.parts == {**parts, "sampler": plan.parts["sampler"], "trainer": plan.parts["trainer"]}
    assert plan.fingerprint == fingerprint(plan.recipe, **plan.parts)
    assert registry.find(plan.fingerprint) is None
