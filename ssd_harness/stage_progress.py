"""How far a stage is: said by the stage's process, shown by the one that started it."""

import sys
import time
from typing import TextIO

from ssd_harness.progress import LINE_EVERY_S, share

FAILURE = "failed: "
"""Starts the line that says why a stage failed; of several processes the first one's counts."""
ADVISED = "failed, with advice: "
"""Starts it where the line says what to do next as well."""
ENDED = "ended: "
"""Starts the line that says which of several processes was killed; what the others said about it is no news."""

_TERMINAL_S = 0.2
_PATIENCE_S = 2.0
"""How long a loop may take without a word."""


class Reporter:
    """Writes a stage's progress to ``stream``, one line at a time and not too often; call it as often as you like.

    Without a stream it says nothing.
    """

    def __init__(self, stream: TextIO | None, label: str) -> None:
        self._stream, self._label = stream, label
        self._started = 0.0
        self._first: int | None = None
        self._last = 0.0

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Say that ``done`` of ``total`` pieces are finished; the first call's count is what was there before."""
        now = time.monotonic()
        if self._stream is None:
            return
        if self._first is None:
            # Only now: loading the model says nothing about how fast the pieces come.
            self._first, self._started = done, now
        if done < total and now - self._last < _TERMINAL_S:
            return
        self._last = now
        words = share(done, total, here=done - self._first, elapsed=now - self._started)
        self._stream.write(f"{self._label}: {words}{', ' + note if note else ''}\n")
        self._stream.flush()


class Display:
    """Shows a stage's lines: over each other on a terminal, now and then elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._last = time.monotonic()
        self._pending = ""

    def show(self, line: str) -> None:
        """Take one line of the stage's."""
        self._pending = line
        now = time.monotonic()
        if self._terminal:
            self._stream.write(f"\r\x1b[K{line}")
            self._stream.flush()
        elif now - self._last > LINE_EVERY_S:
            self._last = now
            self._write()

    def finish(self) -> None:
        """Leave the last line standing."""
        if self._terminal and self._pending:
            self._stream.write("\n")
        elif self._pending:
            self._write()
        self._pending = ""

    def _write(self) -> None:
        self._stream.write(f"ssd-harness: {self._pending}\n")
        self._stream.flush()
        self._pending = ""


class LongLoop:
    """Shows how far a loop of this very process is, once it takes long; without ``total``, how many there were."""

    def __init__(self, label: str, total: int | None, stream: TextIO | None = None) -> None:
        self._label, self._total = label, total
        self._display = Display(stream)
        self._started = self._last = time.monotonic()

    def __call__(self, done: int) -> None:
        """Say that so many are done, if it is time for a line."""
        now = time.monotonic()
        if now - self._started < _PATIENCE_S or now - self._last < _TERMINAL_S:
            return
        self._last = now
        words = share(done, self._total, here=done, elapsed=now - self._started) if self._total else f"{done:,}"
        self._display.show(f"{self._label}: {words}")

    def finish(self) -> None:
        """Leave the last line standing, if there was one."""
        self._display.finish()
