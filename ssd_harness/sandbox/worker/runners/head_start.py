"""Count the output of a thread that is never joined as the official scorer does: what it prints in its first 5 ms.

In the official scorer a test ends when the function returns, and the interpreter preempts a new thread after 5 ms, so
the result depends on the machine's load. Here a new thread runs on, and its output counts if it had used at most 5 ms
of CPU time by then, or if it is joined.
"""

import sys
import threading
import time
from typing import Any

HEAD_START_S = 0.005
_LET_RUN_S = 0.5

_start, _join = threading.Thread.start, threading.Thread.join
_cpu = time.process_time


class HeadStarts:
    """Tracks the threads that the main thread starts while a test runs."""

    def __init__(self, captured: Any) -> None:
        self._captured = captured
        self._late: dict[threading.Thread, tuple[int, int]] = {}
        """The part of the output that each thread printed too late, unless it is joined."""

    def output(self) -> str:
        """Return the output that was printed in time."""
        text = self._captured.getvalue()
        for begin, end in sorted(self._late.values(), reverse=True):
            text = text[:begin] + text[end:]
        return text

    def install(self) -> None:
        """Start tracking; the next test's instance replaces this one."""

        def start(thread: threading.Thread) -> None:
            if threading.current_thread() is threading.main_thread():
                self._start(thread)
            else:
                _start(thread)

        def join(thread: threading.Thread, timeout: float | None = None) -> None:
            _join(thread, timeout)
            if not thread.is_alive():
                self._late.pop(thread, None)

        threading.Thread.start = start  # type: ignore[assignment, method-assign]
        threading.Thread.join = join  # type: ignore[assignment, method-assign]

    def _start(self, thread: threading.Thread) -> None:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(_LET_RUN_S)
        begin, before = self._captured.tell(), _cpu()
        try:
            _start(thread)
        finally:
            sys.setswitchinterval(interval)
        if _cpu() - before > HEAD_START_S:
            self._late[thread] = begin, self._captured.tell()
