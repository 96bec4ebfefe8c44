"""A sampler declares the model class that evaluates its checkpoints; no other one takes its place."""

from types import SimpleNamespace

import pytest

from ssd_harness.errors import UsageError
from ssd_harness.experiments import evaluation
from ssd_harness.experiments.evaluation import ModelClass, model_class
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import RECIPE_ENGINE, Sampler
from ssd_harness.extensions.hookspecs import hookimpl
from ssd_harness.recipe.definition import Recipe


class Samplers:
    @hookimpl
    def ssd_samplers(self):
        return [
            Sampler("plain", print, model_class=RECIPE_ENGINE),
            Sampler("own", print, model_class="ssd-own"),
            Sampler("named", print, model_class="ssd-hf"),
        ]


@pytest.fixture(autouse=True)
def samplers(monkeypatch):
    manager = plugin_manager.load(outside=False)
    manager.register(Samplers(), "samplers")
    monkeypatch.setattr(plugin_manager, "plugin_manager", lambda: manager)


@pytest.mark.parametrize(("engine", "name"), [("transformers", "ssd-hf"), ("vllm", "ssd-vllm")])
@pytest.mark.parametrize("sampler", ["hf", "vllm", "plain"])
def test_the_class_of_the_recipes_engine(sampler, engine, name):
    wanted = ModelClass(name, {"engine": engine, "batch_size": 4})
    assert model_class(Recipe(sampler=sampler, engine=engine), {"batch_size": 4}) == wanted


def test_a_class_by_its_name():
    assert model_class(Recipe(sampler="named"), {"batch_size": 4}) == ModelClass("ssd-hf", {"batch_size": 4})


def test_a_class_of_a_plugin(monkeypatch):
    monkeypatch.setattr(evaluation, "entry_points", lambda group: [SimpleNamespace(name="ssd-own")])
    assert model_class(Recipe(sampler="own")) == ModelClass("ssd-own", {})


def test_a_class_that_is_not_installed_is_refused():
    with pytest.raises(UsageError, match="sampler 'own' names the model class 'ssd-own', which is not installed"):
        model_class(Recipe(sampler="own"))
