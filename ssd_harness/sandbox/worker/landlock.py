"""Which files a program may read: those of the image; in ``/proc`` a few of its first process; in ``/sys`` none.

The engine mounts ``/proc`` and the container's layers before anything of ours runs: ``mountinfo`` names folders of the
host, and the files of the worker's processes tell of earlier programs. Landlock needs no privilege to take these away.
Where the kernel is older than 5.13, or the engine's own filter refuses the calls, what the engine shows stays readable.
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
"""The rights that a rule must grant, as the kernel takes them; empty where it has no Landlock."""
_rules: list[tuple[str, int]] = []
"""Paths, and the rights to each of them and to what lies below."""


def prepare() -> int:
    """Find out, before programs are forked, whether the kernel can; return its version of Landlock, 0 for none.

    What can be done once is done here: :func:`confine` runs in every program's process.
    """
    global _handled  # noqa: PLW0603 - a property of the kernel
    version = max(0, _syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG))
    if version:
        # From the second version on, moving files between folders is refused unless a rule allows it.
        rights = _READ_FILE | (_REFER if version > 1 else 0)
        _handled = struct.pack("<Q", rights)
        _rules[:] = [(folder, rights) for name in os.listdir("/") if _may_hold_files(folder := f"/{name}")]  # noqa: PTH208
        _rules.extend((f"/proc/{name}", _READ_FILE) for name in _OF_PROC)
    return version


def confine() -> None:
    """Confine this process and all that it forks, for good, where the kernel can; raises OSError if that fails.

    The process must have given up new privileges, as :func:`seccomp.install` does.
    """
    if not _handled:
        return
    ruleset = _checked(_syscall(_CREATE_RULESET, _handled, len(_handled), 0))
    for path, rights in _rules:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # what cannot be opened needs no rule
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
