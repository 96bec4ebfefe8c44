"""Run a program as a real ``__main__`` on real pipes, once: threads, ``os.read``, ``buffer`` and exit codes work.

The prelude's names and limits are there too, as LiveCodeBench promises them to every program.
"""

import atexit
import sys
import threading
from types import ModuleType

from . import prelude, streams
from .failure import PROGRAM, describe, exit_status, status_of


def prepare() -> None:
    """Run the prelude before any program arrives."""
    prelude.prepare()


def run(source: bytes, entry: str, result: int) -> tuple[str, str]:
    """Run the program to its end, its threads included; return its status and a message."""
    del entry, result
    try:
        code = compile(source, PROGRAM, "exec", dont_inherit=True)
    except BaseException as error:
        return "compile", describe(error)
    streams.open_streams().install()
    prelude.raise_limits()
    main = ModuleType("__main__")
    vars(main).update(prelude.namespace("__main__"))
    sys.modules["__main__"] = main
    sys.argv = [PROGRAM]
    status, message = _run(code, vars(main))
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter does at its end: wait for the threads
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException as error:
        if status == "done":
            status, message = status_of(error), describe(error)
    return status, message


def _run(code: object, names: dict[str, object]) -> tuple[str, str]:
    try:
        exec(code, names)  # type: ignore[arg-type]
    except SystemExit as error:
        number, text = exit_status(error)
        return ("exception", text or f"exit status {number}") if number else ("done", "")
    except BaseException as error:
        return status_of(error), describe(error)
    return "done", ""
