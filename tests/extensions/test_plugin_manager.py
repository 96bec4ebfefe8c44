"""Plugins: the built-in ones load as outsiders do, and two that claim one name are told apart."""

import pytest

from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.hookspecs import hookimpl


class Polite:
    """What an outside plugin looks like."""

    @hookimpl
    def ssd_sample_filters(self):
        from ssd_harness.distill.filters import keep_if

        return {"polite": lambda argument, recipe: keep_if(lambda candidate: "please" in candidate, "impolite")}


class Rude:
    @hookimpl
    def ssd_sample_filters(self):
        return {"polite": lambda argument, recipe: iter}


@pytest.fixture
def manager():
    return plugin_manager.load(outside=False)


def test_built_ins_are_there_without_any_entry_point(manager):
    assert [name for name, _ in manager.list_name_plugin()] == ["builtin"]


def test_built_ins_load_through_the_entry_point_that_outsiders_use():
    loaded = plugin_manager.load()
    assert [name for name, _ in loaded.list_name_plugin()].count("builtin") == 1
    assert "ssd-harness" in {distribution.project_name for _, distribution in loaded.list_plugin_distinfo()}


def test_an_outside_plugin_adds_a_name(manager):
    manager.register(Polite(), "polite-plugin")
    polite = plugin_manager.factories("ssd_sample_filters", manager)["polite"]("", None)
    assert list(polite(["yes please", "no"])) == [None, "impolite"]


def test_two_plugins_that_claim_one_name_are_both_named(manager):
    manager.register(Polite(), "polite-plugin")
    manager.register(Rude(), "rude-plugin")
    with pytest.raises(UsageError, match=r"'polite'.*polite-plugin and rude-plugin|'polite'.*rude-plugin and polite"):
        plugin_manager.factories("ssd_sample_filters", manager)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match=r"no sample filter is called 'nonsense'.*choose one of"):
        plugin_manager.lookup("ssd_sample_filters", "nonsense")


def test_a_hook_that_nobody_specified_is_refused(manager):
    class Typo:
        @hookimpl
        def ssd_sample_filtres(self):
            return {}

    manager.register(Typo(), "typo")
    with pytest.raises(Exception, match="ssd_sample_filtres"):
        manager.check_pending()
