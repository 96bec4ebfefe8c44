"""Load plugins, the built-in ones as any other, and look names up in them."""

import functools
import re
from collections.abc import Callable
from typing import Any

import pluggy

from ssd_harness.errors import UsageError
from ssd_harness.extensions import hookspecs

_BUILTIN = ("builtin", "ssd_harness.plugins.builtin")


def load(*, outside: bool = True) -> pluggy.PluginManager:
    """Build a manager with the built-in plugins and, if ``outside``, those that other distributions declare."""
    manager = pluggy.PluginManager(hookspecs.NAMESPACE)
    manager.add_hookspecs(hookspecs)
    if outside:
        manager.load_setuptools_entrypoints(hookspecs.NAMESPACE)
    if not manager.has_plugin(_BUILTIN[0]):
        # An uninstalled checkout has no entry points; the built-ins must still be there.
        import importlib

        manager.register(importlib.import_module(_BUILTIN[1]), _BUILTIN[0])
    manager.check_pending()
    return manager


@functools.cache
def plugin_manager() -> pluggy.PluginManager:
    """Return the process-wide manager."""
    return load()


def factories(hook: str, manager: pluggy.PluginManager | None = None) -> dict[str, Callable[..., Any]]:
    """Collect ``hook``'s names from every plugin; a name that two plugins claim is an error that names both."""
    manager = manager or plugin_manager()
    found: dict[str, tuple[Callable[..., Any], str]] = {}
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        owner = _distribution(manager, implementation.plugin) or implementation.plugin_name
        for name, factory in implementation.function().items():
            if name in found:
                raise UsageError(
                    f"two plugins provide {name!r} for {hook}: {found[name][1]} and {owner}",
                    next_step="uninstall one of them",
                )
            found[name] = (factory, owner)
    return {name: factory for name, (factory, _) in found.items()}


def lookup(hook: str, name: str) -> Callable[..., Any]:
    """Return the factory called ``name``, or say which names there are."""
    known = factories(hook)
    try:
        return known[name]
    except KeyError:
        kind = re.sub("((?<=x)e)?s$", "", hook.removeprefix("ssd_").replace("_", " "))
        raise UsageError(
            f"no {kind} is called {name!r}", next_step=f"choose one of: {', '.join(sorted(known))}"
        ) from None


def is_builtin(hook: str, name: str) -> bool:
    """Whether the package itself provides ``name``."""
    plugin = plugin_manager().get_plugin(_BUILTIN[0])
    return name in getattr(plugin, hook)() if plugin else False


def _distribution(manager: pluggy.PluginManager, plugin: object) -> str | None:
    for candidate, distribution in manager.list_plugin_distinfo():
        if candidate is plugin:
            return f"{distribution.project_name} {distribution.version}"
    return None
