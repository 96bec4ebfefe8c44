"""Open standard streams over descriptors 0, 1 and 2 as a new interpreter does."""

import io
import sys
from typing import NamedTuple


class Streams(NamedTuple):
    """The three standard streams."""

    stdin: io.TextIOWrapper
    stdout: io.TextIOWrapper
    stderr: io.TextIOWrapper

    def install(self) -> None:
        """Make them the standard streams of this process."""
        sys.stdin, sys.stdout, sys.stderr = self
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = self  # type: ignore[misc]


def open_streams() -> Streams:
    """Return text streams over descriptors 0, 1 and 2."""
    return Streams(
        _text(0, "rb", "surrogateescape"),
        _text(1, "wb", "surrogateescape"),
        _text(2, "wb", "backslashreplace", line_buffering=True),
    )


def _text(descriptor: int, mode: str, errors: str, *, line_buffering: bool = False) -> io.TextIOWrapper:
    raw = open(descriptor, mode, closefd=False)  # noqa: SIM115 - open as long as the process lives
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=line_buffering)
