"""Standard streams as a fresh interpreter would open them over descriptors 0, 1 and 2."""

import io
import sys


def open_streams() -> None:
    """Point ``sys.stdin``, ``sys.stdout`` and ``sys.stderr`` at the process's own descriptors."""
    sys.stdin = sys.__stdin__ = _text(0, "rb", "surrogateescape")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _text(1, "wb", "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "wb", "backslashreplace", line_buffering=True)  # type: ignore[misc]


def _text(descriptor: int, mode: str, errors: str, *, line_buffering: bool = False) -> io.TextIOWrapper:
    raw = open(descriptor, mode, closefd=False)  # noqa: SIM115 - it lives as long as the process
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=line_buffering)
