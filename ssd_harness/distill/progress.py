"""How far a stage is: said by the stage's process, shown by the one that started it."""

import sys
import time
from typing import TextIO

FAILURE = "failed: "
"""Starts the line that says why a stage failed; of several processes the first one's counts."""
ADVISED = "failed, with advice: "
"""Starts it where the line says what to do next as well."""
ENDED = "ended: "
"""Starts the line that says which of several processes was killed; what the others said about it is no news."""

_TERMINAL_S, _LOG_S = 0.2, 15.0
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
        left = _left(done, total, done - self._first, now - self._started)
        self._stream.write(f"{self._label}: {done:,} of {total:,}{left}{', ' + note if note else ''}\n")
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
        elif now - self._last > _LOG_S:
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
        of = f" of {self._total:,}{_left(done, self._total, done, now - self._started)}" if self._total else ""
        self._display.show(f"{self._label}: {done:,}{of}")

    def finish(self) -> None:
        """Leave the last line standing, if there was one."""
        self._display.finish()


def _left(done: int, total: int, here: int, elapsed: float) -> str:
    """Say how long the rest takes at the speed of the ``here`` that were done in ``elapsed`` seconds."""
    return f", about {_duration(elapsed / here * (total - done))} left" if here and done < total else ""


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
