"""Import modules before any program starts, hidden from a program that expects a fresh interpreter.

The zygote removes them from ``sys.modules`` but keeps them alive: otherwise a program that ends would free them, which
copies every page of them. A program that imports one of them gets all of them back, because they import each other.
"""

import ctypes
import sys
from types import ModuleType
from typing import Any

_hidden: dict[str, ModuleType] = {}


def hide(startup_modules: frozenset[str]) -> None:
    """Remove all modules but ``startup_modules`` from ``sys.modules``, in the zygote."""
    for name in [name for name in sys.modules if name not in startup_modules]:
        _hidden[name] = sys.modules.pop(name)
    for name, module in _hidden.items():
        parent, _, child = name.rpartition(".")
        if parent in _hidden and not hasattr(_hidden[parent], child):
            setattr(_hidden[parent], child, module)
    immortal: list[object] = [_hidden, *_hidden.values(), *(vars(module) for module in _hidden.values())]
    for kept in [immortal, *immortal]:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))


def restore() -> None:
    """Put all of them back, in a child whose runner uses the zygote's modules."""
    sys.modules.update(_hidden)


def restore_on_import() -> None:
    """Put them back when the first of them is imported, in a child that runs a file.

    The child gets a new ``__main__``, because the garbage collector never looks into the frozen one of the zygote.
    """
    main = ModuleType("__main__")
    vars(main).update(vars(sys.modules["__main__"]))
    sys.modules["__main__"] = main
    sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds the hidden modules, once."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        """Return the spec of a hidden module, else None."""
        module = _hidden.get(name)
        if module is None or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        for other, other_module in _hidden.items():
            if other != name:  # the import itself adds that one; found there already, it would be executed again
                sys.modules.setdefault(other, other_module)
        return _spec(name, module)


def _spec(name: str, module: ModuleType) -> Any:
    return type(module.__spec__)(name, _Loader(module))  # type: ignore[misc,arg-type]


class _Loader:
    """Returns a module that is already loaded."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, _spec: object) -> ModuleType:
        """Return the module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the spec that importing replaced."""
        module.__spec__ = self._spec
