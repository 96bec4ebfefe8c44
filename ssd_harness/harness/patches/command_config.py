"""Capture the parsed command line, to tell what the user gave there from lm-eval's own defaults."""

import functools
from argparse import Namespace
from types import ModuleType
from typing import Any

from ssd_harness.harness import run_context
from ssd_harness.harness.patches import discovery
from ssd_harness.harness.run_context import ParsedArguments


def extend(module: ModuleType) -> None:
    """Wrap the two steps of lm-eval's ``EvaluatorConfig`` that matter here."""
    discovery.wrap_process_tasks(module)
    _wrap_from_cli(module.EvaluatorConfig)


def _wrap_from_cli(config_class: Any) -> None:
    original = config_class.from_cli.__func__

    @functools.wraps(original)
    def from_cli(cls: Any, namespace: Namespace) -> Any:
        config = original(cls, namespace)
        file = getattr(namespace, "config", None)
        in_file = cls.load_yaml_config(file).get("device") if file else None
        device_given = bool(getattr(namespace, "device", None) or in_file)
        run_context.current().command.arguments = ParsedArguments(config, device_given=device_given)
        return config

    config_class.from_cli = classmethod(from_cli)
