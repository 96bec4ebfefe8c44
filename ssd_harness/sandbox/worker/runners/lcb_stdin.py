"""Run a standard-input program as the official scorer does: loaded once; one function, called once per test."""

import contextlib
import io
import sys
from collections.abc import Callable
from typing import Any

from . import rewrite, setting
from .failure import describe, status_of
from .head_start import HeadStarts
from .mock_input import InputMocked


class Captured(io.StringIO):
    """Standard output as in the official scorer: text only, no ``buffer``; closing it is a TypeError.

    The scorer replaces ``close`` by a function of one argument, so a plain call, and leaving a ``with``, fails.
    """

    def close(self, _argument: object) -> int:  # type: ignore[override]
        """Do nothing."""
        return 1


def prepare() -> None:
    """Run the prelude before any program arrives, and rewrite once, because the first time in a process is slower."""
    setting.prepare()
    rewrite.as_function("import sys\nif __name__ == '__main__':\n    print(sys)")


def run(source: bytes, entry: str, tests: Any, report: Any) -> None:
    """Load the program and call it on each test in order, until one does not end normally."""
    del entry
    try:
        code, has_solution = rewrite.as_function(source.decode("utf-8", "surrogatepass"))
    except BaseException as error:
        report.end(0, "compile", b"", describe(error))
        return
    names = setting.enter(source)
    try:
        exec(code, names)
        if has_solution:  # the class is local to the function, but the official scorer looks it up in the module
            names["Solution"]()
    except BaseException as error:
        report.end(0, "load", b"", describe(error))
        return
    program = names[rewrite.FUNCTION]
    report.loaded()
    loading_stdin = sys.stdin
    for test in range(len(tests)):
        text = tests.read(test).decode("utf-8", "surrogatepass")
        report.begin(test)
        status, output, message = _call(program, text, loading_stdin)
        report.end(test, status, output, message)
        if status != "done":
            return


def _call(program: Callable[[], object], text: str, loading_stdin: Any) -> tuple[str, bytes, str]:
    """Run one test; return its status, output and message."""
    real, captured = sys.stdout, Captured()
    sys.stdout = captured
    threads = HeadStarts(captured)
    threads.install()
    try:
        with InputMocked(text, loading_stdin), contextlib.suppress(SystemExit):
            program()
    except BaseException as error:
        return status_of(error), b"", describe(error)
    finally:
        sys.stdout = real
    return "done", threads.output().encode("utf-8", "surrogatepass"), ""
