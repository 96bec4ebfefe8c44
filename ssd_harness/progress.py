"""Progress of long steps, drawn by tqdm: one changing line on a terminal, one line every 30 seconds elsewhere."""

import sys
import threading
import time
from typing import Any, ClassVar, TextIO
from weakref import WeakSet

from tqdm.std import tqdm
from tqdm.utils import disp_trim

LINE_EVERY_S = 30.0
"""Seconds between two lines of a log."""
_REDRAW_EVERY_S = 0.2
_FORECAST_AFTER_S = 2.0


def share(done: int, total: int | None, *, here: int, elapsed: float) -> str:
    """Return the amount done, the time taken, the rate and the time left.

    ``here`` counts the pieces done within ``elapsed`` seconds; earlier pieces do not count towards the rate. The first
    seconds give neither a rate nor a forecast. Without a ``total`` only the amount is returned.
    """
    if total is None:
        return f"{done:,}"
    words = f"{done:,} of {total:,}"
    if elapsed >= 1:
        words += f", {duration(elapsed)}"
    if here < 1 or elapsed < _FORECAST_AFTER_S:
        return words
    words += f", {_rate(here / elapsed)}"
    left = elapsed / here * (total - done)
    return f"{words}, about {duration(left)} left" if left >= 1 else words


def duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _rate(per_second: float) -> str:
    for unit, seconds in (("second", 1), ("minute", 60)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:,.1f} a {unit}"
    return f"{per_second * 3600:,.1f} an hour"


class ProgressLine(tqdm):
    """Count up to ``total`` and show it; use as a context manager.

    Nothing is drawn before ``delay`` seconds. ``before`` counts the pieces that were done earlier. With ``log`` it
    writes a line every ``every`` seconds instead of redrawing one; by default the stream decides.
    """

    monitor_interval = 0  # no thread
    # Our progress line must not move the bars of other libraries.
    _instances: ClassVar[Any] = WeakSet()
    _lock = threading.RLock()

    def __init__(
        self,
        label: str,
        total: int | None,
        stream: TextIO | None = None,
        *,
        before: int = 0,
        delay: float = 0.0,
        log: bool | None = None,
        every: float = LINE_EVERY_S,
    ) -> None:
        stream = stream or sys.stderr
        self._label, self._note, self._written = label, "", ""
        self._log = not stream.isatty() if log is None else log
        self.initial = before  # here too, for tqdm keeps less where TQDM_DISABLE is set
        super().__init__(
            total=total,
            file=stream,
            initial=before,
            mininterval=every if self._log else _REDRAW_EVERY_S,
            miniters=0,
            delay=max(delay, every) if self._log else delay,
            position=0,
            dynamic_ncols=True,
        )
        if not self.disable:
            self._time = time.monotonic  # tqdm's own is the wall clock, which may jump
            self.start_t = self.last_print_t = self._time()

    def skip(self, count: int) -> None:
        """Count pieces that were done earlier."""
        self.initial += count
        self.update(count)

    def advance(self, count: int = 1, note: str = "") -> bool:
        """Count finished pieces and return whether that was shown; ``note`` is appended to the line."""
        self._note = note
        return bool(self.update(count))

    def __str__(self) -> str:
        words = share(self.n, self.total, here=self.n - self.initial, elapsed=self.format_dict["elapsed"])
        return f"{self._label}: {words}{', ' + self._note if self._note else ''}"

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:  # noqa: ARG002 - there is one position
        """Redraw the line, or write it to the log if the count has changed."""
        words = str(self) if msg is None else msg
        if not self._log:
            width = self.ncols or 0
            self.sp(disp_trim(words, width) if width > 0 else words)
            return True
        state = f"{self.n} {self._note}"
        if state != self._written:
            self.fp.write(f"{words}\n")
            self.fp.flush()
        self._written = state
        return True

    def close(self) -> None:
        """Leave the last state standing. A log gets it only after an earlier line."""
        if self._log and not self.disable:
            if self._written:
                self.display()
            self._written = ""
            self.leave = False
            self.last_print_t = 0.0  # tqdm clears nothing that it has not drawn
        super().close()


class Reporter:
    """Write a stage's progress to ``stream`` as lines, at most one every 0.2 seconds; without a stream do nothing."""

    def __init__(self, stream: TextIO | None, label: str) -> None:
        self._stream, self._label = stream, label
        self._line: ProgressLine | None = None

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Report ``done`` of ``total`` pieces; the first call's count is what earlier runs had done."""
        if self._stream is None:
            return
        first = self._line is None
        if self._line is None:
            # Not earlier: the time to load a model says nothing about the rate.
            self._line = ProgressLine(self._label, total, self._stream, before=done, log=True, every=_REDRAW_EVERY_S)
        line = self._line
        line.total = total
        shown = line.advance(done - line.n, note)
        if not shown and (first or done >= total):
            line.refresh()


class StageDisplay:
    """Show the lines that a stage's process writes: redrawn on a terminal, every 30 seconds and the last elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._line: _TextLine | None = None

    def show(self, line: str) -> None:
        """Show one line, unless the last one is too recent."""
        if self._line is None:
            self._line = _TextLine("", None, self._stream)
        self._line.advance(note=line)

    def finish(self) -> None:
        """Leave the last line standing."""
        if self._line is not None:
            self._line.refresh()
            self._line.close()
            self._line = None


class _TextLine(ProgressLine):
    def __str__(self) -> str:
        return f"ssd-harness: {self._note}" if self._log else self._note
