"""Exit an interpreter early if the program cannot notice: freeing modules takes longer than most programs.

The check is the last function that ``atexit`` calls, after threads are joined. A program can notice a missing teardown
only through finalizers (``__del__``; open files and suspended generators have one too), weak reference callbacks, other
threads, a failing flush and the exit status. If any of these may matter, the interpreter shuts down as usual.
"""

import _thread
import atexit
import ctypes
import gc
import os
import sys
import weakref
from types import MemberDescriptorType
from typing import Any

_c_library = ctypes.CDLL(None)

_exit_code: list[object] = []
"""The code of the SystemExit that ends the interpreter."""


def prepare() -> None:
    """Register the check before a program can register anything; call once, in the zygote."""
    _watch_exit()
    # Only their addresses: a reference would keep the interpreter from freeing, and so flushing, the streams.
    atexit.register(_leave_early, id(sys.stdout), id(sys.stderr))


def arm() -> None:
    """Make ``sys.exit`` raise an exception object, in a child; the built-in one creates the object only if needed."""

    def exit(status: object = None, /) -> None:  # noqa: A001 - the name that programs see
        raise SystemExit(status)

    sys.exit = exit  # type: ignore[assignment]


def _watch_exit() -> None:
    """Record the exit code when the interpreter itself, with no Python frame, reads it from the exception."""
    names = gc.get_referents(SystemExit.__dict__)[0]
    member: MemberDescriptorType = names["code"]

    def code(error: SystemExit, record: Any = _exit_code.append) -> Any:
        value = member.__get__(error)
        try:
            sys._getframe(1)
        except ValueError:
            record(value)
        return value

    names["code"] = property(code, member.__set__, member.__delete__, member.__doc__)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(SystemExit))


def _leave_early(stdout: int, stderr: int) -> None:
    if (
        (_exit_code and not (_exit_code[0] is None or (type(_exit_code[0]) is int and _exit_code[0] == 0)))
        or hasattr(sys, "last_type")
        or _thread._count()
        or not (id(sys.stdout) == id(sys.__stdout__) == stdout and id(sys.stderr) == id(sys.__stderr__) == stderr)
        or _finalizers()
    ):
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        _c_library.fflush(None)
    except BaseException:
        return
    os._exit(0)


def _finalizers() -> bool:
    """Whether anything that the program created may run code when it is freed."""
    objects = gc.get_objects()
    main = vars(sys.modules["__main__"])
    if not any(candidate is main for candidate in objects):
        return True  # the program has frozen it, and everything else with it
    kinds = set(map(type, objects))
    if any(hasattr(kind, "__del__") for kind in kinds):
        return True
    classes = {kind for kind in kinds if issubclass(kind, type)}
    references = {kind for kind in kinds if issubclass(kind, weakref.ref)}
    return any(type(item) in classes and hasattr(item, "__del__") for item in objects) or bool(
        references and any(type(item) in references and item.__callback__ is not None for item in objects)
    )
