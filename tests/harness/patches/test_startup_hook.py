"""The hook waits for lm-eval, then hands over to the finder that knows which modules to patch."""

import sys
from types import SimpleNamespace

import pytest

from ssd_harness import startup_hook
from ssd_harness.harness import patches
from ssd_harness.startup_hook import LmEvalFinder


@pytest.fixture
def meta_path(monkeypatch):
    others = [finder for finder in sys.meta_path if finder not in (LmEvalFinder, patches.PatchingFinder)]
    monkeypatch.setattr(sys, "meta_path", list(others))
    monkeypatch.setattr(LmEvalFinder, "waiting", True)
    startup_hook.install()
    return others


def test_it_waits_for_lm_eval_and_finds_nothing_itself(meta_path):
    assert LmEvalFinder.find_spec("json") is None
    assert sys.meta_path == [LmEvalFinder, *meta_path]
    assert LmEvalFinder.find_spec("lm_eval") is None
    assert sys.meta_path == [patches.PatchingFinder, LmEvalFinder, *meta_path]


def test_both_are_installed_once(meta_path):
    startup_hook.install()
    LmEvalFinder.find_spec("lm_eval")
    LmEvalFinder.find_spec("lm_eval")
    patches.install_finder()
    assert sys.meta_path == [patches.PatchingFinder, LmEvalFinder, *meta_path]


def test_a_package_that_is_half_gone_is_told_once(meta_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ssd_harness.harness", None)
    LmEvalFinder.find_spec("lm_eval")
    LmEvalFinder.find_spec("lm_eval")
    assert sys.meta_path == [LmEvalFinder, *meta_path]
    assert capsys.readouterr().err.count("ssd-harness: not available in lm_eval: ") == 1


def test_only_the_modules_to_patch_are_found_and_each_is_patched_once_it_has_executed(meta_path, monkeypatch):
    patched = []
    monkeypatch.setattr(patches, "patch", lambda module: patched.append((module.__name__, module.executed)))
    patches.install_finder()
    assert patches.PatchingFinder.find_spec("lm_eval.api.task") is None
    loader = SimpleNamespace(exec_module=lambda module: setattr(module, "executed", True))
    finder = SimpleNamespace(find_spec=lambda *_: SimpleNamespace(loader=loader))
    sys.meta_path.append(finder)
    sys.meta_path[:] = [patches.PatchingFinder, finder]
    spec = patches.PatchingFinder.find_spec("lm_eval.evaluator")
    spec.loader.exec_module(SimpleNamespace(__name__="lm_eval.evaluator"))
    assert patched == [("lm_eval.evaluator", True)]
