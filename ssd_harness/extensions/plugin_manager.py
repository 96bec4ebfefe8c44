"""Load plugins, the built-in one like any other, and look up what they provide."""

import functools
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

import pluggy

from ssd_harness.errors import UsageError
from ssd_harness.extensions import components, hookspecs
from ssd_harness.extensions.components import Component

BUILTIN = "builtin"
_BUILTIN_MODULE = "ssd_harness.plugins.builtin"
C = TypeVar("C", bound=Component)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A loaded plugin and where it came from."""

    name: str
    distribution: str | None
    """Name and version of the distribution that declares it, None for one that was registered by hand."""

    def __str__(self) -> str:
        return f"{self.name!r} ({self.distribution})" if self.distribution else repr(self.name)


class PluginManager(pluggy.PluginManager):
    """pluggy's manager, with the distribution of each plugin and typed components."""

    def __init__(self) -> None:
        super().__init__(hookspecs.NAMESPACE)
        self.add_hookspecs(hookspecs)
        self._distributions: dict[str, str] = {}

    def load_entry_points(self) -> None:
        """Import what distributions declare. Raises :class:`UsageError` for a plugin that cannot be imported."""
        for entry in entry_points(group=hookspecs.NAMESPACE):
            if self.has_plugin(entry.name):  # a distribution that is found twice, as editable installs may be
                continue
            if entry.dist:
                self._distributions[entry.name] = f"{entry.dist.name} {entry.dist.version}"
            plugin = self.plugin(entry.name)
            try:
                self.register(_imported(entry, plugin), entry.name)
            except pluggy.PluginValidationError as error:  # a hook that takes arguments
                raise UsageError(f"plugin {plugin}: {' '.join(str(error).split())}", where=entry.value) from error

    def plugin(self, name: str) -> Plugin:
        """Return the plugin that is registered as ``name``."""
        return Plugin(name, self._distributions.get(name))

    def plugins(self) -> list[Plugin]:
        """Return every loaded plugin."""
        return [self.plugin(name) for name, _ in self.list_name_plugin()]

    def components(self, kind: type[C]) -> dict[str, C]:
        """Return all components of one type by name.

        Raises :class:`UsageError`, one line with the plugin and the hook, for a hook that fails or returns anything
        but a sequence of ``kind``, and for a name that is provided twice.
        """
        by_name: dict[str, tuple[C, Plugin]] = {}
        for implementation in getattr(self.hook, kind.hook).get_hookimpls():
            plugin = self.plugin(implementation.plugin_name)
            for component in _returned(implementation, kind, plugin):
                if component.name in by_name:
                    other = by_name[component.name][1]
                    raise UsageError(
                        f"two plugins provide the {kind.noun} {component.name!r}: {other} and {plugin}"
                        if other != plugin
                        else f"plugin {plugin}, {kind.hook}: {component.name!r} is there twice",
                        next_step="uninstall one of them" if other != plugin else "rename one of them",
                    )
                by_name[component.name] = component, plugin
        return {name: component for name, (component, _) in by_name.items()}

    def check(self) -> None:
        """Raise :class:`UsageError` for a misspelt hook, a bad component or a name that is used twice."""
        for name, caller in vars(self.hook).items():
            for implementation in () if caller.has_spec() else caller.get_hookimpls():
                raise UsageError(
                    f"plugin {self.plugin(implementation.plugin_name)}: no hook is called {name!r}",
                    next_step=f"choose one of: {', '.join(kind.hook for kind in components.TYPES)}",
                )
        for kind in components.TYPES:
            self.components(kind)


def load(*, outside: bool = True) -> PluginManager:
    """Build a manager with the built-in plugin and, if ``outside``, those that other distributions declare.

    Every plugin is checked. Raises :class:`UsageError`, one line, for the first fault.
    """
    manager = PluginManager()
    if outside:
        manager.load_entry_points()
    if not manager.has_plugin(BUILTIN):
        # An uninstalled checkout has no entry points, and still needs the built-in components.
        manager.register(importlib.import_module(_BUILTIN_MODULE), BUILTIN)
    manager.check()
    return manager


@functools.cache
def plugin_manager() -> PluginManager:
    """Return the process-wide manager."""
    return load()


def lookup(kind: type[C], name: str) -> C:
    """Return the component called ``name``. Raises :class:`UsageError` with the names that there are."""
    by_name = plugin_manager().components(kind)
    try:
        return by_name[name]
    except KeyError:
        raise UsageError(
            f"no {kind.noun} is called {name!r}", next_step=f"choose one of: {', '.join(sorted(by_name))}"
        ) from None


def is_builtin(component: Component) -> bool:
    """Whether the package itself provides ``component``."""
    plugin = plugin_manager().get_plugin(BUILTIN)
    return plugin is not None and component.name in {builtin.name for builtin in getattr(plugin, component.hook)()}


def _imported(entry: EntryPoint, plugin: Plugin) -> object:
    try:
        return entry.load()
    except Exception as error:
        raise UsageError(
            f"plugin {plugin} does not load: {_reason(error)}", where=entry.value, next_step="mend or uninstall it"
        ) from error


def _returned(implementation: pluggy.HookImpl, kind: type[C], plugin: Plugin) -> Iterator[C]:
    """Call one plugin's hook and check what it returns."""
    where = f"plugin {plugin}, {kind.hook}"
    sequence = f"a list of {kind.__name__}"
    try:
        returned = implementation.function()
    except Exception as error:
        names = ", ".join(declared.name for declared in fields(kind))
        about_fields = isinstance(error, TypeError | ValueError)
        raise UsageError(
            f"{where}: {_reason(error)}",
            next_step=f"the fields of {kind.__name__} are: {names}" if about_fields else "mend or uninstall it",
        ) from error
    if isinstance(returned, Mapping | str | bytes) or not isinstance(returned, Sequence):
        raise UsageError(f"{where}: expected {sequence}, got {type(returned).__name__}")
    for component in returned:
        if not isinstance(component, kind):
            raise UsageError(f"{where}: expected {sequence}, got {component!r:.80} in it")
        yield component


def _reason(error: Exception) -> str:
    words = str(error) or type(error).__name__
    return words if isinstance(error, TypeError | ValueError) else f"{type(error).__name__}: {words}"
