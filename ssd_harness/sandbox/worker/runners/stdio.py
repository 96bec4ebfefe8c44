"""Have the interpreter itself run the program's file, once a test: nothing of ours runs beside it.

The child that :func:`install` was called in goes on as ``python3 /tmp/main.py`` would.
"""

import os

from ssd_harness.sandbox.worker.start_hook import MAIN

from . import teardown


def prepare() -> None:
    """Spare the interpreter what the program cannot see of its end."""
    teardown.prepare()


def install(source: bytes) -> None:
    """Write the file."""
    teardown.arm()
    file = os.open(MAIN, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(source)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)
