"""What lm-eval needs to find us, and what we need to know before it builds a model.

The only package that knows how lm-eval discovers and calls things. It completes five of its modules, each right after
the module has executed: on import through :mod:`ssd_harness.startup_hook`, or at once through :func:`activate`. Nothing
here may break an ``lm_eval`` that has nothing to do with us: on any surprise it says so once and steps aside.
"""

import importlib
import logging
from collections.abc import Callable
from types import ModuleType

# lm-eval shows INFO and WARNING of its own logger tree only.
log = logging.getLogger("lm_eval.ssd_harness")

_MARK = "_ssd_harness_attached"


def attach(module: ModuleType) -> None:
    """Complete one module of lm-eval, once; a failure is a warning, never an error."""
    if getattr(module, _MARK, False):
        return
    try:
        _completion(module.__name__)(module)
        setattr(module, _MARK, True)
    except Exception as error:  # noqa: BLE001 - somebody else's evaluation must go on
        step_aside(f"cannot extend {module.__name__}", error)


def activate() -> None:
    """Complete all of lm-eval now, hook or no hook."""
    from ssd_harness.startup_hook import WATCHED

    for name in sorted(WATCHED):
        attach(importlib.import_module(name))


def step_aside(what: str, error: Exception) -> None:
    """Say once that part of the bridge is out of use, and why."""
    if not getattr(log, _MARK, False):
        setattr(log, _MARK, True)
        log.warning("ssd-harness: %s (%s: %s); lm_eval goes on without it", what, type(error).__name__, error)


def _completion(name: str) -> Callable[[ModuleType], None]:
    from ssd_harness.harness.bridge import command, command_config, discovery, evaluation

    return {
        "lm_eval.models": discovery.register_models,
        "lm_eval.tasks.manager": discovery.extend_task_index,
        "lm_eval.config.evaluate_config": command_config.extend,
        "lm_eval.evaluator": evaluation.extend_evaluator,
        "lm_eval._cli.harness": command.wrap_command,
    }[name]
