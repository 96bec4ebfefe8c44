"""The built-in names for every hook; each factory imports its heavy dependency only when it is called."""

import importlib
from collections.abc import Callable
from typing import Any

from ssd_harness.hookspecs import Factories, hookimpl


def _lazy(target: str) -> Callable[..., Any]:
    """Return a factory that imports ``module:attribute`` on its first call and hands its arguments on."""

    def factory(*arguments: Any, **options: Any) -> Any:
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)(*arguments, **options)

    factory.__doc__ = f"Call ``{target}``."
    return factory


@hookimpl
def ssd_sandboxes() -> Factories:
    """``docker`` isolates fully; ``process`` needs no engine and isolates less."""
    return {
        "docker": _lazy("ssd_harness.plugins.docker_sandbox:DockerSandbox"),
        "process": _lazy("ssd_harness.sandbox.process:ProcessSandbox"),
    }
