"""Log an unexpected error: its traceback goes to a file, and one line names the file."""

import contextlib
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from ssd_harness import __version__
from ssd_harness.errors import InfrastructureError
from ssd_harness.home import home

DEBUG_VARIABLE = "SSD_HARNESS_DEBUG"
_KEPT = 20
"""Number of logs that are kept in the state folder."""
WRAPPERS = ("ssd_harness.harness.patches", "ssd_harness.harness.lm_eval_command", "ssd_harness.startup_hook")
"""Modules that only call lm-eval: an error below them is lm-eval's, unless other code of this package is in between."""


def report(
    error: BaseException, words: list[str], *, suspects: str = "ssd-harness or of this machine"
) -> InfrastructureError:
    """Write the traceback of ``error`` to a log; return an error of one line that names the log.

    ``words`` is the command line, ``suspects`` names the possible causes. With SSD_HARNESS_DEBUG=1 the traceback is
    also printed.
    """
    text = "".join(traceback.format_exception(error))
    if os.environ.get(DEBUG_VARIABLE) == "1":
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text.encode("utf-8", "backslashreplace").decode())
    message = f": {str(error)[:500]}" if str(error) else ""
    return InfrastructureError(
        f"unexpected {type(error).__name__}{message}, a fault of {suspects}",
        where=_write(f"ssd-harness {__version__}: {words}\n\n{text}"),
        next_step=f"see this log for details, or set {DEBUG_VARIABLE}=1 to print them; finished work is kept",
    )


def is_ours(error: BaseException) -> bool:
    """Whether ``error`` was raised in code of this package, or in code that it called, except through lm-eval."""
    modules = (f"{frame.f_globals.get('__name__')}." for frame, _ in traceback.walk_tb(error.__traceback__))
    wrappers = tuple(f"{name}." for name in WRAPPERS)
    return any(name.startswith("ssd_harness.") and not name.startswith(wrappers) for name in modules)


def _write(text: str) -> Path | None:
    """Write a log to the state folder, else to the temporary folder; return its path, None if neither works."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in (home() / "logs", Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError, RuntimeError):
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / (name if folder.name == "logs" else f"ssd-harness-{name}")
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as stream:
                stream.write(text.encode("utf-8", "backslashreplace"))
            if folder.name == "logs":
                _remove_old(folder)
            return path
    return None


def _remove_old(folder: Path) -> None:
    for old in sorted(folder.glob("*.txt"))[:-_KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
