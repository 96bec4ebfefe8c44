"""Patch lm-eval's modules: lm-eval then finds our models and tasks, and our checks run before an evaluation starts.

Each module is patched right after it is imported (:func:`install_finder`, called by
:mod:`ssd_harness.startup_hook`), or immediately (:func:`activate`). No patch may break an ``lm_eval`` command that does
not use this package: if a patch fails, one warning is logged and lm-eval continues without it.
"""

import importlib
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# lm-eval shows INFO and WARNING only of loggers below its own, "lm_eval".
log = logging.getLogger("lm_eval.ssd_harness")

_MARK = "_ssd_harness_patched"


def activate() -> None:
    """Patch all modules now, whether or not the start-up hook is installed."""
    for name in sorted(_PATCHES):
        patch(importlib.import_module(name))


def patch(module: ModuleType) -> None:
    """Patch one module of lm-eval, once; a failure is a warning, never an error."""
    if getattr(module, _MARK, False):
        return
    try:
        _PATCHES[module.__name__](module)
        setattr(module, _MARK, True)
    except Exception as error:  # noqa: BLE001 - third-party evaluations must go on
        step_aside(f"cannot extend {module.__name__}", error)


def step_aside(what: str, error: Exception) -> None:
    """Log that a patch is not in use, and why; only the first call in a process logs."""
    if not getattr(log, _MARK, False):
        setattr(log, _MARK, True)
        log.warning("ssd-harness: %s (%s: %s); lm_eval continues without it", what, type(error).__name__, error)


class PatchingFinder:
    """Finds the modules to patch with the other finders, and patches each after it has executed."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec that the other finders return, with an extended loader; None for a module without a patch."""
        if name not in _PATCHES:
            return None
        for finder in sys.meta_path:
            find = None if finder is PatchingFinder else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find else None
            if spec is not None:
                _extend(spec.loader)
                return spec
        return None


def install_finder() -> None:
    """Patch each module when lm-eval imports it."""
    if PatchingFinder not in sys.meta_path:
        sys.meta_path.insert(0, PatchingFinder)


def _extend(loader: Any) -> None:
    """Make ``loader`` patch a module right after it has executed it."""
    execute = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def exec_module(module: ModuleType) -> None:
        execute(module)
        patch(module)

    loader.exec_module = exec_module


def _patch_models(module: ModuleType) -> None:
    from ssd_harness.harness.patches import discovery

    discovery.register_models(module)


def _patch_task_manager(module: ModuleType) -> None:
    from ssd_harness.harness.patches import discovery

    discovery.extend_task_index(module)


def _patch_config(module: ModuleType) -> None:
    from ssd_harness.harness.patches import command_config

    command_config.extend(module)


def _patch_evaluator(module: ModuleType) -> None:
    from ssd_harness.harness.patches import evaluation

    evaluation.extend_evaluator(module)


def _patch_command(module: ModuleType) -> None:
    from ssd_harness.harness.patches import command

    command.wrap_command(module)


_PATCHES: Mapping[str, Callable[[ModuleType], None]] = {
    "lm_eval.models": _patch_models,
    "lm_eval.tasks.manager": _patch_task_manager,
    "lm_eval.config.evaluate_config": _patch_config,
    "lm_eval.evaluator": _patch_evaluator,
    "lm_eval._cli.harness": _patch_command,
}
"""The patch of each module: model registry, task index, options, evaluation, and the ``lm_eval`` command."""
