"""What is kept of a failure that nobody foresaw: its traceback in a file, and one line that names the file."""

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
"""Newest logs that stay in the state folder."""
_WRAPPERS = ("ssd_harness.harness.patches", "ssd_harness.harness.lm_eval_command", "ssd_harness.startup_hook")
"""Modules whose frames stand around lm-eval's own."""


def report(
    error: BaseException, words: list[str], *, suspects: str = "ssd-harness or of this machine"
) -> InfrastructureError:
    """Return the expected failure that stands for ``error``, whose traceback goes to a log.

    ``words`` are the command line, ``suspects`` whose fault it may be. With SSD_HARNESS_DEBUG=1 the traceback is
    printed as well.
    """
    text = "".join(traceback.format_exception(error))
    if os.environ.get(DEBUG_VARIABLE) == "1":
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text.encode("utf-8", "backslashreplace").decode())
    said = f": {str(error)[:500]}" if str(error) else ""
    return InfrastructureError(
        f"unexpected {type(error).__name__}{said}, a fault of {suspects}",
        where=_write(f"ssd-harness {__version__}: {words}\n\n{text}"),
        next_step=f"the log there has the details, {DEBUG_VARIABLE}=1 prints them; finished work is kept",
    )


def is_ours(error: BaseException) -> bool:
    """Whether ``error`` was raised below code of this package that is no mere wrapper around lm-eval's own."""
    modules = (str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(f"{name}.".startswith("ssd_harness.") and not _is_wrapper(name) for name in modules)


def _is_wrapper(module: str) -> bool:
    return any(f"{module}.".startswith(f"{wrapper}.") for wrapper in _WRAPPERS)


def _write(text: str) -> Path | None:
    """Write a log to the state folder, or where that cannot be, to the temporary folder; None where neither can."""
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
