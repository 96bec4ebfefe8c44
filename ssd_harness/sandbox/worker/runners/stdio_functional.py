"""Call a function once, in its own process, with a new ``Solution()``."""

import json
import os
from collections.abc import Callable
from typing import Any

from . import encode, prelude, streams
from .failure import PROGRAM, describe, status_of

_parse = json.loads
_write = os.write


def prepare() -> None:
    """Run the prelude before any program arrives."""
    prelude.prepare()


def run(source: bytes, entry: str, result: int) -> tuple[str, str]:
    """Load the program, call it on the input at descriptor 0 and write the result as tagged JSON to ``result``."""
    with open(0, "rb", closefd=False) as pipe:
        lines = pipe.read().decode("utf-8", "surrogatepass").split("\n")
    streams.open_streams().install()
    prelude.raise_limits()
    try:
        code = compile(source, PROGRAM, "exec", dont_inherit=True)
    except BaseException as error:
        return "compile", describe(error)
    try:
        names = prelude.namespace("solution")
        exec(code, names)
        function = _function(names, entry)
    except BaseException as error:
        return "load", describe(error)
    try:
        data = memoryview(encode.encode(function(*[_parse(line) for line in lines])))
        while data:
            data = data[_write(result, data) :]
    except BaseException as error:
        return status_of(error), describe(error)
    return "done", ""


def _function(names: dict[str, Any], entry: str) -> Callable[..., Any]:
    solution = names.get("Solution")
    if solution is not None:
        return getattr(solution(), entry)
    if entry not in names:
        raise AttributeError(f"neither a class Solution nor a function {entry!r}")
    return names[entry]
