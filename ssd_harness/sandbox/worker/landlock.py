"""Restrict the files that a program may read: the image's; in ``/proc`` a few of its first process; in ``/sys`` none.

The engine mounts ``/proc`` and the container's layers before our code runs: ``mountinfo`` names folders of the host,
and the files of the worker's processes tell about earlier programs. Landlock can hide these without any privilege. On
kernels before 5.13, or if the engine's own filter refuses the calls, what the engine shows stays readable.
"""

import ctypes
import os
import struct

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on x86-64 and arm64
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_READ_FILE, _REFER = 1 << 2, 1 << 13
_OF_PROC = ("cpuinfo", "self/cmdline", "self/maps", "self/stat", "self/statm", "self/status")

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_handled = b""
"""The rights that need a rule, in the kernel's format; empty if the kernel has no Landlock."""
_rules: list[tuple[str, int]] = []
"""Paths, and the rights to each of them and to everything below."""


def prepare() -> int:
    """Find out what the kernel supports, before programs are forked; return its Landlock version, 0 for none.

    This does everything that can be done once, because :func:`confine` runs in every program's process.
    """
    global _handled  # noqa: PLW0603 - a property of the kernel
    version = max(0, _syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG))
    if version:
        # From version 2 on, moving files between folders is refused unless a rule allows it.
        rights = _READ_FILE | (_REFER if version > 1 else 0)
        _handled = struct.pack("<Q", rights)
        _rules[:] = [(folder, rights) for name in os.listdir("/") if _may_hold_files(folder := f"/{name}")]  # noqa: PTH208
        _rules.extend((f"/proc/{name}", _READ_FILE) for name in _OF_PROC)
    return version


def confine() -> None:
    """Confine this process and its descendants irrevocably, if the kernel can; raises OSError if that fails.

    The process must have set no_new_privs, as :func:`seccomp.install` does.
    """
    if not _handled:
        return
    ruleset = _checked(_syscall(_CREATE_RULESET, _handled, len(_handled), 0))
    for path, rights in _rules:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # a path that cannot be opened needs no rule
        _checked(_syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("<Qi", rights, fd), 0))
        os.close(fd)
    _checked(_syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _may_hold_files(folder: str) -> bool:
    if folder in {"/proc", "/sys"} or os.path.islink(folder) or not os.path.isdir(folder):  # noqa: PTH112, PTH114
        return False
    return os.path.ismount(folder) or bool(os.listdir(folder))  # noqa: PTH208


def _checked(value: int) -> int:
    if value < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot confine reading: {os.strerror(number)}")
    return value
