"""Explain how an interpreter ended, from its exit status and its standard error.

A program can write anything to its standard error. That changes only the description of a failure: whether the test
failed depends on the exit status alone.
"""

import re

_TRACEBACK = b"Traceback (most recent call last)"
_EXCEPTION = re.compile(rb"^([A-Za-z_][\w.]*)(?:: .*)?$", re.MULTILINE)
_LINE = re.compile(rb'File "/[^"]*", line ([0-9]+)')
_COMPILING = (b"SyntaxError", b"IndentationError", b"TabError")


def explain(code: int, head: bytes, tail: bytes) -> tuple[str, bytes]:
    """Return (status, message), given the exit status and the first and last bytes of standard error."""
    if code == 0:
        return "done", b""
    exception = _last_exception(tail) if code == 1 else None
    if exception is None:
        return "exception", b"exit status %d" % code
    name = exception.group(1)
    if not head.startswith(_TRACEBACK) and (name in _COMPILING or head.startswith(name)):
        # An error of the compiler has no traceback.
        return ("compile" if name != b"MemoryError" else "memory"), b""
    lines = _LINE.findall(tail)
    where = b" (line %s)" % lines[-1] if lines else b""
    status = "memory" if name.rpartition(b".")[2].lstrip(b"_").endswith(b"MemoryError") else "exception"
    return status, exception.group(0)[:300] + where


def _last_exception(tail: bytes) -> "re.Match[bytes] | None":
    matches = [match for match in _EXCEPTION.finditer(tail) if match.group(1).endswith((b"Error", b"Exception"))]
    return matches[-1] if matches else None
