"""Modules that are imported before any program starts, and out of the way of one that expects a fresh interpreter.

The zygote takes them out of ``sys.modules`` and keeps them alive for good: a program that ends does not take them
apart, which would copy every page of them. A program that imports one of them gets them all back, because they
import each other.
"""

import ctypes
import sys
from types import ModuleType
from typing import Any

_away: dict[str, ModuleType] = {}


def put_away(plain: frozenset[str]) -> None:
    """Take all modules but ``plain`` out of ``sys.modules``, in the zygote."""
    for name in [name for name in sys.modules if name not in plain]:
        _away[name] = sys.modules.pop(name)
    for name, module in _away.items():
        parent, _, child = name.rpartition(".")
        if parent in _away and not hasattr(_away[parent], child):
            setattr(_away[parent], child, module)
    held: list[object] = [_away, *_away.values(), *(vars(module) for module in _away.values())]
    for each in [held, *held]:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))


def take_out() -> None:
    """Give all of them back, in a child that runs inside the zygote's modules."""
    sys.modules.update(_away)


def lend() -> None:
    """Give them back when the first of them is imported, in a child that runs a file.

    Its ``__main__`` is a new one: the garbage collector would never look into what was there when the zygote froze.
    """
    main = ModuleType("__main__")
    vars(main).update(vars(sys.modules["__main__"]))
    sys.modules["__main__"] = main
    sys.meta_path.insert(0, _Lender())


class _Lender:
    """Finds the modules, once."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        """Return the spec of a module that waits, else None."""
        module = _away.get(name)
        if module is None or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        for waiting, each in _away.items():
            if waiting != name:  # the import itself puts that one there; found there, it would be executed again
                sys.modules.setdefault(waiting, each)
        return _spec(name, module)


def _spec(name: str, module: ModuleType) -> Any:
    return type(module.__spec__)(name, _Loader(module))  # type: ignore[misc,arg-type]


class _Loader:
    """Hands out a module that is loaded already."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, _spec: object) -> ModuleType:
        """Return the module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Undo what importing did to it."""
        module.__spec__ = self._spec
