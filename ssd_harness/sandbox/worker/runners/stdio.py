"""Let the interpreter itself run the program's file, once per test; none of our code runs beside it.

The child that calls :func:`install` continues as ``python3 /tmp/main.py`` would.
"""

import os

from ssd_harness.sandbox.worker.start_hook import MAIN

from . import teardown


def prepare() -> None:
    """Prepare the shortcut at the interpreter's exit that no program can notice."""
    teardown.prepare()


def install(source: bytes) -> None:
    """Write the program's file."""
    teardown.arm()
    file = os.open(MAIN, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(source)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)
