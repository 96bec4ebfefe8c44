"""How far a long step is: one changing line on a terminal, elsewhere a line every 30 seconds."""

import sys
import time
from typing import Self, TextIO

LINE_EVERY_S = 30.0
"""How long a log waits for its next line."""
_SHOW_EVERY_S = 0.2
_FORECAST_AFTER_S = 2.0


def share(done: int, total: int, *, here: int, elapsed: float) -> str:
    """Return how much is done, the time it took, the rate and the time left.

    ``here`` pieces were done in these ``elapsed`` seconds; the others were there before. The first seconds allow no
    rate and no forecast.
    """
    words = f"{done:,} of {total:,}"
    if elapsed >= 1:
        words += f", {duration(elapsed)}"
    if here < 1 or elapsed < _FORECAST_AFTER_S:
        return words
    words += f", {_rate(here / elapsed)}"
    left = elapsed / here * (total - done)
    return f"{words}, about {duration(left)} left" if left >= 1 else words


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _rate(a_second: float) -> str:
    for name, seconds in (("second", 1), ("minute", 60)):
        if a_second * seconds >= 1:
            return f"{a_second * seconds:,.1f} a {name}"
    return f"{a_second * 3600:,.1f} an hour"


class ProgressLine:
    """Counts up to ``total`` and shows it; use as a context manager, which leaves a clean line behind."""

    def __init__(self, label: str, total: int, stream: TextIO | None = None, *, before: int = 0) -> None:
        """Begin with the ``before`` pieces that were there already."""
        self.label, self.total, self.done = label, total, before
        self._before = before
        self._stream = stream or sys.stderr
        self._shows = self._stream.isatty()
        self._started = time.monotonic()
        self._shown = 0.0 if self._shows else self._started

    def found(self, count: int) -> None:
        """Count pieces that were there already, which say nothing about the rate."""
        self._before += count
        self.advance(count)

    def advance(self, count: int = 1, note: str = "") -> None:
        """Add ``count`` finished pieces; ``note`` is appended to the line."""
        self.done += count
        now = time.monotonic()
        due = now - self._shown > (_SHOW_EVERY_S if self._shows else LINE_EVERY_S)
        if due or (self._shows and self.done >= self.total):
            self._shown = now
            words = share(self.done, self.total, here=self.done - self._before, elapsed=now - self._started)
            line = f"{self.label}: {words}{'; ' + note if note else ''}"
            self._stream.write(f"\r\x1b[K{line}" if self._shows else f"{line}\n")
            self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._shows and self._shown:
            self._stream.write("\n")
