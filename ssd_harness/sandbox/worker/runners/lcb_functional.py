"""Run a function as the official scorer does: loaded once; one shared ``Solution()``, called once per test."""

import json
from collections.abc import Callable
from typing import Any

from . import encode, setting
from .failure import PROGRAM, describe, status_of

_parse = json.loads


def prepare() -> None:
    """Run the prelude before any program arrives."""
    setting.prepare()


def run(source: bytes, entry: str, tests: Any, report: Any) -> None:
    """Load the program and call it on each test in order, until one does not end normally."""
    try:
        text = source.decode("utf-8", "surrogatepass")
        code = compile(_after_prelude(text), PROGRAM, "exec", dont_inherit=True)
    except BaseException as error:
        report.end(0, "compile", b"", describe(error))
        return
    names = setting.enter(source)
    try:
        exec(code, names)
        function = _function(names, entry, text)
    except BaseException as error:
        report.end(0, "load", b"", describe(error))
        return
    report.loaded()
    for test in range(len(tests)):
        lines = tests.read(test).decode("utf-8", "surrogatepass").split("\n")
        report.begin(test)
        status, output, message = _call(function, lines)
        report.end(test, status, output, message)
        if status != "done":
            return


def _after_prelude(text: str) -> str:
    """Return the program as it stands after a prelude, where ``from __future__`` is an error."""
    return f"pass\n{text}" if "__future__" in text else text


def _function(names: dict[str, Any], entry: str, text: str) -> Callable[..., Any]:
    if "class Solution" in text:
        if "Solution" not in names:
            raise AttributeError("module has no attribute 'Solution'")
        return getattr(names["Solution"](), entry)
    if entry not in names:
        raise AttributeError(f"module has no attribute {entry!r}")
    return names[entry]


def _call(function: Callable[..., Any], lines: list[str]) -> tuple[str, bytes, str]:
    """Run one test; return its status, tagged result and message."""
    try:
        return "done", encode.encode(function(*[_parse(line) for line in lines])), ""
    except BaseException as error:
        return status_of(error), b"", describe(error)
