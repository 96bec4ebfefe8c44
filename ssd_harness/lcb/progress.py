"""Show how far a long step is: one changing line on a terminal, elsewhere a line every 30 seconds."""

import sys
import time
from typing import Self, TextIO

_SECONDS_BETWEEN = 0.2
_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_TO_A_FORECAST = 2.0


class ProgressLine:
    """Counts up to ``total`` and shows it; use as a context manager, which leaves a clean line behind."""

    def __init__(self, label: str, total: int, stream: TextIO | None = None) -> None:
        self.label, self.total, self.done = label, total, 0
        self._stream = stream or sys.stderr
        self._shows = self._stream.isatty()
        self._started = time.monotonic()
        self._shown = 0.0 if self._shows else self._started

    def advance(self, count: int = 1, note: str = "") -> None:
        """Add ``count`` finished pieces; ``note`` is appended to the line."""
        self.done += count
        now = time.monotonic()
        due = now - self._shown > (_SECONDS_BETWEEN if self._shows else _SECONDS_BETWEEN_LINES)
        if due or (self._shows and self.done >= self.total):
            self._shown = now
            line = f"{self.label}: {self._share(now - self._started)}{'; ' + note if note else ''}"
            self._stream.write(f"\r\x1b[K{line}" if self._shows else f"{line}\n")
            self._stream.flush()

    def _share(self, elapsed: float) -> str:
        """Return done, time, rate and time left; the first moments allow no forecast."""
        share = f"{self.done:,} of {self.total:,}, {elapsed:.0f} s"
        if not self.done or self.done >= self.total or elapsed < _SECONDS_TO_A_FORECAST:
            return share
        rate = self.done / elapsed
        return f"{share}, {rate:,.1f} a second, about {(self.total - self.done) / rate:.0f} s left"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._shows and self._shown:
            self._stream.write("\n")
