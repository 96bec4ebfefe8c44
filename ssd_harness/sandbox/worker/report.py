"""What a confined child reports to the broker about its tests: the child's writer and the broker's reader.

These reports are not the outcomes of :mod:`.protocol`: they cross another border, between a program's own process and
the broker, which adds times, peaks and limits that no program may state itself. The reader treats every byte as
hostile: a frame that is out of order, too long or unknown means that the program broke the protocol, and the program
fails. A forged frame gains nothing, because outputs are compared where the program cannot reach.
"""

import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

from .protocol import MAX_MESSAGE, STATUSES

_HEADER = struct.Struct("<BIBHQ")  # kind, position of the test, status, length of message, length of output
_LOADED, _ENDED = 1, 2

# Bound early: a program that replaces the functions in ``os`` would corrupt its own report.
_write, _writev, _pread = os.write, os.writev, os.pread


class BrokenReport(Exception):
    """A program wrote something that the runner would not have written."""


class Loaded(NamedTuple):
    """The program is loaded, as the child reports it."""


class TestEnded(NamedTuple):
    """One test's end, as the child reports it."""

    position: int
    status: str
    message: bytes
    output: bytes


class Tests:
    """The inputs of one program in the order in which to run them, read from the sealed file on demand."""

    __test__ = False  # not a pytest class

    def __init__(self, fd: int, sections: Sequence[tuple[int, int]]) -> None:
        self._fd, self._sections = fd, sections

    def __len__(self) -> int:
        return len(self._sections)

    def read(self, position: int) -> bytes:
        """Return the input at ``position``."""
        offset, length = self._sections[position]
        data = _pread(self._fd, length, offset)
        if len(data) == length:
            return data
        parts = [data]  # one read returns at most 2 GiB
        while length := length - len(parts[-1]):
            offset += len(parts[-1])
            parts.append(_pread(self._fd, length, offset))
        return b"".join(parts)


TestEnded.__test__ = False  # type: ignore[attr-defined]  # not a pytest class


class Report:
    """Reports the program's progress to the broker; the runner calls it around each test."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.position = 0
        """The test that is running or will run next."""

    def loaded(self) -> None:
        """Report that the program is loaded; the first test's time begins."""
        _write(self._fd, _HEADER.pack(_LOADED, 0, 0, 0, 0))

    def begin(self, position: int) -> None:
        """Note that the test at ``position`` begins; its time began when the previous one ended."""
        self.position = position

    def end(self, position: int, status: str, output: bytes, message: str = "") -> None:
        """Send the test's outcome."""
        text = message.encode("utf-8", "backslashreplace")[:MAX_MESSAGE]
        head = _HEADER.pack(_ENDED, position, STATUSES.index(status), len(text), len(output)) + text
        written = _writev(self._fd, (head, output))
        if written < len(head) + len(output):
            view = memoryview(head + output)[written:]
            while view:
                view = view[_write(self._fd, view) :]
        self.position = position + 1


class ReportReader:
    """Cuts a child's bytes into reports; ``limit`` bounds one output in bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Append what was read from the child's pipe."""
        self._bytes += data

    def next(self) -> TestEnded | Loaded | None:
        """Return the next report, None while it is incomplete.

        Raises :class:`BrokenReport`.
        """
        if len(self._bytes) < _HEADER.size:
            return None
        kind, position, status, message_length, length = _HEADER.unpack_from(self._bytes)
        if kind == _LOADED and not (position or status or message_length or length):
            del self._bytes[: _HEADER.size]
            return Loaded()
        if kind != _ENDED or status >= len(STATUSES) or message_length > MAX_MESSAGE:
            raise BrokenReport
        if length > self._limit:
            self._bytes.clear()
            return TestEnded(position, "output", b"", b"")
        start = _HEADER.size + message_length
        if len(self._bytes) < start + length:
            return None
        with memoryview(self._bytes) as view:
            ended = TestEnded(
                position, STATUSES[status], bytes(view[_HEADER.size : start]), bytes(view[start : start + length])
            )
        del self._bytes[: start + length]
        return ended
