"""Which files a program may read: those of the image; in ``/proc`` a few of its first process; in ``/sys`` none.

The engine mounts ``/proc`` and the container's layers before anything of ours runs: ``mountinfo`` names folders of the
host, and the files of the worker's processes tell of earlier programs. Landlock needs no privilege to take these away.
Where the kernel is older than 5.13, or the engine's own filter refuses the calls, what the engine shows stays readable.
"""

import contextlib
import ctypes
import os
import struct

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on x86-64 and arm64
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_READ_FILE, _REFER = 1 << 2, 1 << 13
_PR_SET_NO_NEW_PRIVS = 38
_OF_MACHINE = ("cpuinfo", "version")
_OF_PROCESS = ("cgroup", "cmdline", "comm", "limits", "maps", "oom_score", "smaps_rollup", "stat", "statm", "status")

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_folders: list[str] = []
_handled = 0


def prepare() -> int:
    """Find out, before programs are forked, whether the kernel can; return its version of Landlock, 0 for none."""
    global _handled  # noqa: PLW0603 - a property of the kernel
    version = max(0, _syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG))
    if version:
        # From the second version on, moving files between folders is refused unless a rule allows it.
        _handled = _READ_FILE | (_REFER if version > 1 else 0)
        with os.scandir("/") as entries:
            _folders[:] = [
                entry.path for entry in entries if entry.name not in {"proc", "sys"} and not entry.is_symlink()
            ]
    return version


def confine() -> None:
    """Confine this process and all that it forks, for good, where the kernel can; raises OSError if that fails."""
    if not _handled:
        return
    attributes = struct.pack("<Q", _handled)
    ruleset = _checked(_syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    for folder in _folders:
        _allow(ruleset, folder, _handled if os.path.isdir(folder) else _READ_FILE)  # noqa: PTH112 - once a program
    for path in (*(f"/proc/{name}" for name in _OF_MACHINE), *(f"/proc/self/{name}" for name in _OF_PROCESS)):
        _allow(ruleset, path, _READ_FILE)
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _checked(_syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    """Allow ``access`` to ``path`` and what lies below; what does not exist needs no rule."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            _checked(_syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("<Qi", access, fd), 0))
        finally:
            os.close(fd)


def _checked(value: int) -> int:
    if value < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot confine reading: {os.strerror(number)}")
    return value
