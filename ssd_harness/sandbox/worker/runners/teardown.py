"""End an interpreter early where the program cannot tell: taking modules apart costs more than most programs.

The check runs as the last of the functions registered with ``atexit``, when threads are joined. A program notices the
teardown only through finalizers (``__del__``; open files and suspended generators have one too), callbacks of weak
references, other threads, a failing flush and the exit status. Where one of them may matter, the interpreter goes its
own way.
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
    """Register the check, before any program can register anything; call once, in the zygote."""
    _watch_exit()
    # Their addresses only: the streams are to go, and to flush, when the interpreter lets go of them.
    atexit.register(_leave_early, id(sys.stdout), id(sys.stderr))


def arm() -> None:
    """Have ``sys.exit`` raise an exception object, in a child; the built-in one makes the object only when needed."""

    def exit(status: object = None, /) -> None:  # noqa: A001 - the name that a program sees
        raise SystemExit(status)

    sys.exit = exit  # type: ignore[assignment]


def _watch_exit() -> None:
    """Note when the interpreter itself, with no frame below it, reads the code of the exception that ends it."""
    names = gc.get_referents(SystemExit.__dict__)[0]
    member: MemberDescriptorType = names["code"]

    def code(error: SystemExit, note: Any = _exit_code.append) -> Any:
        value = member.__get__(error)
        try:
            sys._getframe(1)
        except ValueError:
            note(value)
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
    """Say whether anything that the program made may run code when it goes."""
    objects = gc.get_objects()
    main = vars(sys.modules["__main__"])
    if not any(each is main for each in objects):
        return True  # frozen by the program, and everything else with it
    kinds = set(map(type, objects))
    if any(hasattr(kind, "__del__") for kind in kinds):
        return True
    classes = {kind for kind in kinds if issubclass(kind, type)}
    references = {kind for kind in kinds if issubclass(kind, weakref.ref)}
    return any(type(each) in classes and hasattr(each, "__del__") for each in objects) or bool(
        references and any(type(each) in references and each.__callback__ is not None for each in objects)
    )
