"""One line on a terminal that says how far a long step is; silent where nobody watches."""

import sys
import time
from typing import Self, TextIO

_SECONDS_BETWEEN = 0.2


class ProgressLine:
    """Counts up to ``total`` and shows it; use as a context manager, which leaves a clean line behind."""

    def __init__(self, label: str, total: int, stream: TextIO | None = None) -> None:
        self.label, self.total, self.done = label, total, 0
        self._stream = stream or sys.stderr
        self._shows = self._stream.isatty()
        self._started = time.monotonic()
        self._shown = 0.0

    def advance(self, count: int = 1, note: str = "") -> None:
        """Add ``count`` finished pieces; ``note`` is appended to the line."""
        self.done += count
        now = time.monotonic()
        if self._shows and (now - self._shown > _SECONDS_BETWEEN or self.done >= self.total):
            self._shown = now
            elapsed = now - self._started
            left = elapsed / self.done * (self.total - self.done) if self.done else 0.0
            share = f"{self.done:,} of {self.total:,}, {elapsed:.0f} s, about {left:.0f} s left"
            self._stream.write(f"\r\x1b[K{self.label}: {share}{'; ' + note if note else ''}")
            self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._shows and self._shown:
            self._stream.write("\n")
