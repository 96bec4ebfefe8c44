"""Switch off the functions that the official scorer switches off: semantics to reproduce, not a protection."""

import builtins
import os
import shutil
import subprocess
import sys
from typing import Any

_OS = """
kill killpg system putenv remove removedirs rmdir fchdir setuid fork forkpty rename renames truncate replace unlink
fchmod fchown chmod chown chroot lchflags lchmod lchown getcwd chdir
""".split()  # noqa: SIM905 - a list of 29 strings is harder to read

_NAMES: list[tuple[dict[str, Any], list[str]]] = [
    (vars(builtins), ["quit", "help"]),
    (vars(os), _OS),
    (vars(shutil), ["rmtree", "move", "chown"]),
    (vars(subprocess), ["Popen"]),
    (sys.modules, ["ipdb", "joblib", "resource", "psutil", "tkinter"]),  # None means that it cannot be imported
]

_prepared: list[tuple[dict[str, Any], dict[str, None]]] = []
_kept: list[object] = []


def prepare() -> None:
    """Make the change cheap in a fork, where touching an object copies its page and freeing a class touches many.

    Therefore the old values are kept alive, and the names are separate strings, because an update counts references.
    """
    if not _prepared:
        _kept.extend(names.get(name) for names, gone in _NAMES for name in gone)
        _prepared.extend((names, {f"{name[0]}{name[1:]}": None for name in gone}) for names, gone in _NAMES)


def switch_off() -> None:
    """Replace the functions by None and make the modules unimportable, in this process only."""
    prepare()
    for names, gone in _prepared:
        names.update(gone)
