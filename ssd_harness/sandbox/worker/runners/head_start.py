"""What a thread gets done that nobody joins: in the official scorer, what it prints in its first 5 ms.

There, the function's return ends a test, and the interpreter takes a new thread off the processor after 5 ms. On a busy
machine that is a matter of luck. Here a new thread is let run on, and what it printed counts if it took at most 5 ms of
CPU time until then, or is joined.
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
    """Watches the threads that the main thread starts while a test runs."""

    def __init__(self, captured: Any) -> None:
        self._captured = captured
        self._late: dict[threading.Thread, tuple[int, int]] = {}
        """Which part of the output came too late, unless the thread is joined."""

    def output(self) -> str:
        """Return what was printed in time."""
        text = self._captured.getvalue()
        for begin, end in sorted(self._late.values(), reverse=True):
            text = text[:begin] + text[end:]
        return text

    def install(self) -> None:
        """Watch from now on; the next test's watcher takes over."""

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
