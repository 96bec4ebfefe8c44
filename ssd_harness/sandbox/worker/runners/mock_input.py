"""Mock standard input and ``open`` exactly as the official scorer does, quirks included."""

import builtins
import io
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self


class MockBuffer:
    """The binary interface: each ``read`` returns the whole text, each ``readline`` the first line."""

    def __init__(self, text: str) -> None:
        self._data = text.encode("utf-8", "surrogatepass")

    def read(self, *_args: object) -> bytes:
        """Return the whole input."""
        return self._data

    def readline(self, *_args: object) -> bytes:
        """Return the first line."""
        return self._data.split(b"\n", 1)[0] + b"\n"


class MockInput:
    """The text interface: ``readline`` advances, ``read`` and ``readlines`` start over; it is not iterable."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = io.StringIO(text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            self.buffer = MockBuffer(self._text)
            return self.buffer
        return getattr(self._lines, name)

    def read(self, *_args: object) -> str:
        """Return the whole input, each time."""
        return self._text

    def readline(self, *args: int) -> str:
        """Return the next line with its newline, or "" at the end."""
        return self._lines.readline(*args)

    def readlines(self, *_args: object) -> list[str]:
        """Return all lines without their newlines, each time; the last is empty if the input ends in a newline."""
        return self._text.split("\n")


class MockFile(io.StringIO):
    """What ``builtins.open`` returns: it reads the input and discards what is written."""

    def write(self, text: str) -> int:
        """Discard ``text``; return its length."""
        return len(text)


class InputMocked:
    """A context in which ``sys.stdin`` and ``builtins.open`` return ``text``.

    A program that bound ``sys.stdin`` while it was loading holds the real stream. Its ``read``, ``readline`` and
    ``readlines`` return ``text`` too, but lines lack their newlines, and a ``readline`` past the end raises
    StopIteration. The bare name ``open`` in a program was bound by the prelude and stays the real function.
    """

    _METHODS = ("read", "readline", "readlines")

    def __init__(self, text: str, loading_stdin: Any) -> None:
        self._text, self._loading_stdin = text, loading_stdin
        self._real_open = builtins.open

    def __enter__(self) -> Self:
        text = self._text
        lines: Iterator[str] | None = None

        def next_line(*_args: object) -> str:
            nonlocal lines
            if lines is None:
                lines = iter(text.split("\n"))
            return next(lines)

        self._loading_stdin.read = lambda *_args: text
        self._loading_stdin.readlines = lambda *_args: text.split("\n")
        self._loading_stdin.readline = next_line
        sys.stdin = MockInput(text)  # type: ignore[assignment]
        builtins.open = lambda *_args, **_options: MockFile(text)  # type: ignore[assignment]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        builtins.open = self._real_open
        sys.stdin = self._loading_stdin
        for name in self._METHODS:
            vars(self._loading_stdin).pop(name, None)
