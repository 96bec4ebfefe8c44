"""Remember what lm-eval has read from its command line, to tell what was given there from lm-eval's own defaults."""

import functools
from argparse import Namespace
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ssd_harness.harness.bridge import discovery


@dataclass(frozen=True, slots=True)
class CommandConfig:
    """One command line, read."""

    config: Any
    """lm-eval's ``EvaluatorConfig``, from which it also prints its last lines."""
    device_given: bool
    """Whether the command line, or the file behind ``--config``, names a device."""


_latest: ContextVar[CommandConfig | None] = ContextVar("ssd_command_config", default=None)


def extend(module: ModuleType) -> None:
    """Wrap both steps of lm-eval's ``EvaluatorConfig`` that we need to know of."""
    discovery.note_asked_tasks(module)
    _wrap_from_cli(module.EvaluatorConfig)


def take() -> CommandConfig | None:
    """Return the command line that was read last, once; None for an evaluation that no command line started."""
    latest = _latest.get()
    _latest.set(None)
    return latest


def _wrap_from_cli(config_class: Any) -> None:
    original = config_class.from_cli.__func__

    @functools.wraps(original)
    def from_cli(cls: Any, namespace: Namespace) -> Any:
        config = original(cls, namespace)
        file = getattr(namespace, "config", None)
        in_file = cls.load_yaml_config(file).get("device") if file else None
        _latest.set(CommandConfig(config, device_given=bool(getattr(namespace, "device", None) or in_file)))
        return config

    config_class.from_cli = classmethod(from_cli)
