"""What the official scorer takes away from a program before it runs: semantics to reproduce, not a protection."""

import builtins
import os
import shutil
import subprocess
import sys

_OS = """
kill killpg system putenv remove removedirs rmdir fchdir setuid fork forkpty rename renames truncate replace unlink
fchmod fchown chmod chown chroot lchflags lchmod lchown getcwd chdir
""".split()  # noqa: SIM905 - a column of 29 strings reads worse

_NAMES = [
    (builtins, ["quit", "help"]),
    (os, _OS),
    (shutil, ["rmtree", "move", "chown"]),
    (subprocess, ["Popen"]),
]

_MODULES = ("ipdb", "joblib", "resource", "psutil", "tkinter")


def switch_off() -> None:
    """Replace the functions by None and make the modules fail to import, in this process only."""
    for module, names in _NAMES:
        for name in names:
            setattr(module, name, None)
    for name in _MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way to say "not importable"
