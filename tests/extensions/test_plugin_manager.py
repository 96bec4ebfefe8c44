"""Plugins: the built-in one loads as outsiders do, and every fault of a plugin is one line with plugin and hook."""

import dataclasses
import inspect
import os
import subprocess
import sys
import textwrap

import pluggy
import pytest

from ssd_harness.errors import UsageError
from ssd_harness.extensions import components, plugin_manager
from ssd_harness.extensions.components import RECIPE_ENGINE, Exporter, Filter, PromptSource, Sampler, Sandbox, Trainer
from ssd_harness.extensions.hookspecs import hookimpl


def polite(argument, recipe):
    from ssd_harness.distill.filters import keep_if

    return keep_if(lambda candidate: "please" in candidate, "impolite")


class Polite:
    """What an outside plugin looks like."""

    @hookimpl
    def ssd_sample_filters(self):
        return [Filter("polite", polite)]


class Rude:
    @hookimpl
    def ssd_sample_filters(self):
        return [Filter("polite", lambda argument, recipe: iter)]


@pytest.fixture
def manager():
    return plugin_manager.load(outside=False)


def plugin_of(hook, make):
    """A plugin whose only hook calls ``make``."""

    def function(self):
        return make()

    function.__name__ = hook
    return type("Plugin", (), {hook: hookimpl(function)})()


def test_built_ins_are_there_without_any_entry_point(manager):
    assert [name for name, _ in manager.list_name_plugin()] == ["builtin"]


def test_built_ins_load_through_the_entry_point_that_outsiders_use():
    plugins = plugin_manager.load().plugins()
    (builtin,) = [plugin for plugin in plugins if plugin.name == "builtin"]
    assert str(builtin).startswith("'builtin' (ssd-harness 0.")


@pytest.mark.parametrize("kind", components.TYPES)
def test_every_built_in_factory_can_be_imported(manager, kind):
    factories = [component.factory for component in manager.components(kind).values()]
    assert factories
    assert all(callable(factory.resolve()) for factory in factories)


def test_an_outside_plugin_adds_a_name(manager):
    manager.register(Polite(), "polite-plugin")
    filter_ = manager.components(Filter)["polite"].factory("", None)
    assert list(filter_(["yes please", "no"])) == [None, "impolite"]


def test_two_plugins_that_claim_one_name_are_both_named(manager):
    manager.register(Polite(), "polite-plugin")
    manager.register(Rude(), "rude-plugin")
    with pytest.raises(
        UsageError, match=r"two plugins provide the sample filter 'polite': '(\w+)-plugin' and '"
    ) as one:
        manager.check()
    assert {"'polite-plugin'", "'rude-plugin'"} <= set(one.value.what.split())


def test_a_plugin_cannot_take_a_built_in_name(manager):
    manager.register(plugin_of("ssd_sample_filters", lambda: [Filter("stub", polite)]), "greedy")
    with pytest.raises(UsageError, match=r"'stub': ('builtin' and 'greedy'|'greedy' and 'builtin'); uninstall"):
        manager.check()


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match=r"no sample filter is called 'nonsense'; choose one of: .*stub"):
        plugin_manager.lookup(Filter, "nonsense")


def test_a_hook_that_nobody_specified_is_refused(manager):
    manager.register(plugin_of("ssd_sample_filtres", list), "typo")
    with pytest.raises(UsageError, match=r"plugin 'typo': no hook is called 'ssd_sample_filtres'.*ssd_sample_filters"):
        manager.check()


FAULTS = {
    "misspelt": (Filter, lambda: [Filter("a", polite, run_programs=True)], "unexpected keyword.*'run_programs'"),
    "a name of before": (Filter, lambda: [Filter("a", polite, verified=True)], "unexpected keyword.*'verified'"),
    "missing": (Sampler, lambda: [Sampler("a", polite)], "missing.*'model_class'"),
    "no factory": (Trainer, lambda: [Trainer("a")], "missing.*'factory'"),
    "not a bool": (Filter, lambda: [Filter("a", polite, whole_set="no")], "Filter.whole_set: expected bool, got 'no'"),
    "not a text": (Filter, lambda: [Filter("a", polite, version=1)], "Filter.version: expected str or None, got 1"),
    "no text": (Sampler, lambda: [Sampler("a", polite, model_class="")], "Sampler.model_class: expected some text"),
    "a bool as number": (
        PromptSource,
        lambda: [PromptSource("a", polite, published=True)],
        "PromptSource.published: expected int or None, got True",
    ),
    "not a mapping": (
        Exporter,
        lambda: [Exporter("a", polite, dataset_info=["x"])],
        r"Exporter.dataset_info: expected a mapping or None, got \['x'\]",
    ),
    "not callable": (Sandbox, lambda: [Sandbox("a", "module:name")], "Sandbox.factory: expected a callable, got 'mod"),
    "a name with a colon": (Filter, lambda: [Filter("a:b", polite)], "Filter.name: expected letters.*got 'a:b'"),
    "a name that is no text": (Filter, lambda: [Filter(None, polite)], "Filter.name: expected str, got None"),
    "a mapping, as before": (Filter, lambda: {"a": polite}, "expected a list of Filter, got dict"),
    "one component": (Filter, lambda: Filter("a", polite), "expected a list of Filter, got Filter"),
    "nothing": (Filter, lambda: None, "expected a list of Filter, got NoneType"),
    "another component": (Filter, lambda: [Trainer("a", polite)], r"expected a list of Filter, got Trainer\("),
    "twice": (Filter, lambda: [Filter("a", polite)] * 2, "'a' is there twice"),
    "a bug": (Filter, lambda: 1 // 0, "ZeroDivisionError: integer division or modulo by zero; mend or uninstall it"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_with_plugin_and_hook_when_the_plugin_loads(manager, fault):
    kind, make, message = FAULTS[fault]
    manager.register(plugin_of(kind.hook, make), "faulty")
    with pytest.raises(UsageError, match=rf"^plugin 'faulty', {kind.hook}: .*{message}") as error:
        manager.check()
    assert "\n" not in str(error.value)


def test_a_wrong_field_is_answered_with_the_right_ones(manager):
    manager.register(plugin_of("ssd_samplers", lambda: [Sampler("a", polite, verison="2")]), "faulty")
    with pytest.raises(UsageError, match="the fields of Sampler are: name, factory, version, model_class"):
        manager.check()


def test_components_are_immutable():
    sampler = Sampler("a", polite, model_class=RECIPE_ENGINE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sampler.model_class = "ssd-hf"


def test_a_hook_with_an_argument_is_refused(manager):
    class Taking:
        @hookimpl
        def ssd_samplers(self, recipe):
            return []

    with pytest.raises(pluggy.PluginValidationError, match="recipe"):
        manager.register(Taking(), "taking")


@pytest.fixture
def installed(tmp_path):
    """Install a distribution with a plugin of the given source, and run a command in its environment."""

    def run(source, *words):
        (tmp_path / "faulty.py").write_text(source)
        about = tmp_path / "faulty_plugin-2.5.dist-info"
        about.mkdir(exist_ok=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-plugin\nVersion: 2.5\n")
        (about / "entry_points.txt").write_text("[ssd_harness]\nfaulty = faulty\n")
        return subprocess.run(
            [sys.executable, "-m", "ssd_harness", *words],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "SSD_HARNESS_HOME": str(tmp_path / "home")},
        )

    return run


HEAD = "from ssd_harness.extensions.components import Filter\nfrom ssd_harness.extensions.hookspecs import hookimpl\n"


@pytest.mark.process
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module", "plugin 'faulty' (faulty-plugin 2.5) does not load: ModuleNotFoundError: No module"),
        (
            f"{HEAD}@hookimpl\ndef ssd_sample_filters(): return [Filter('a', print, verfied=True)]",
            "plugin 'faulty' (faulty-plugin 2.5), ssd_sample_filters: Filter.__init__() got an unexpected keyword",
        ),
        (
            f"{HEAD}@hookimpl\ndef ssd_sample_filters(recipe): return []",
            "plugin 'faulty' (faulty-plugin 2.5): Plugin 'faulty' for hook 'ssd_sample_filters'",
        ),
    ],
)
def test_a_command_refuses_a_faulty_plugin_in_one_line(installed, source, message):
    done = installed(source, "recipe", "show", "demo")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"ssd-harness: error: {message}")


@pytest.mark.process
def test_doctor_lists_plugins_with_distribution_and_version(installed):
    done = installed(f"{HEAD}@hookimpl\ndef ssd_sample_filters(): return [Filter('a', print)]", "doctor")
    (line,) = [line for line in done.stdout.splitlines() if line[4:].startswith("plugins ")]
    assert line.startswith("OK")
    assert "faulty (faulty-plugin 2.5)" in line
    assert "builtin (ssd-harness 0." in line


@pytest.mark.process
def test_doctor_reports_a_faulty_plugin_and_goes_on(installed):
    done = installed("import no_such_module", "doctor")
    (line,) = [line for line in done.stdout.splitlines() if line[4:].startswith("plugins ")]
    assert line.startswith("!!  plugins")
    assert "plugin 'faulty' (faulty-plugin 2.5) does not load: ModuleNotFoundError" in line
    assert "state folder" in done.stdout
    assert done.returncode == 3


@pytest.mark.process
def test_the_documented_plugin_works_as_documented(installed):
    """The module on the plugin page, as it stands there."""
    from ssd_harness.extensions import hookspecs

    text = inspect.cleandoc(hookspecs.__doc__)
    example = text.partition("::\n\n")[2].partition("\nIts distribution")[0]
    source = textwrap.dedent(example)
    said = installed(source, "recipe", "show", "demo", "prompts=demo", "filter=polite:thanks")
    assert said.returncode == 0, said.stderr
    assert "polite:thanks" in said.stdout
    refused = installed(source, "recipe", "show", "demo", "prompts=demo", "filter=polite:4")
    assert refused.stderr == (
        "ssd-harness: error: filter=polite: expected a word, got '4'; write filter=polite:thanks\n"
    )
    assert refused.returncode == 2
