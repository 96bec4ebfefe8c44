"""The broker's event loop: one handler per descriptor, and an outbox that never blocks on a slow host."""

import os
import select
import time
from collections import deque
from collections.abc import Callable

READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
WRITABLE = select.POLLOUT | select.POLLHUP | select.POLLERR


class Loop:
    """Calls the handlers of ready descriptors."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], object]] = {}

    def watch(self, fd: int, events: int, handler: Callable[[], object]) -> None:
        """Call ``handler`` whenever one of ``events`` occurs on ``fd``."""
        self._poll.register(fd, events)
        self._handlers[fd] = handler

    def unwatch(self, fd: int) -> None:
        """Stop watching ``fd``, if it is watched."""
        if self._handlers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def step(self, until: float | None) -> None:
        """Wait until a descriptor is ready or the monotonic clock reaches ``until``; then call the handlers."""
        timeout = None if until is None else max(0.0, (until - time.monotonic()) * 1000)
        for fd, _ in self._poll.poll(timeout):
            handler = self._handlers.get(fd)  # an earlier handler in this step may have closed it
            if handler is not None:
                handler()


class Outbox:
    """Bytes on their way to the host.

    Small frames wait a moment for more, because every write wakes a chain of processes.
    """

    _FULL, _LOW = 32 << 20, 8 << 20
    _LINGER_S = 0.003

    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop, self._fd = loop, fd
        self._parts: deque[memoryview] = deque()
        self._blocked = False
        self.size = 0
        self.due: float | None = None
        """When the queued bytes should be sent at the latest."""
        os.set_blocking(fd, False)

    @property
    def full(self) -> bool:
        """Whether programs must wait for the host to read."""
        return self.size > self._FULL

    @property
    def low(self) -> bool:
        """Whether programs may continue."""
        return self.size < self._LOW

    def put(self, *parts: bytes) -> None:
        """Queue ``parts``; :meth:`flush` sends them."""
        for part in parts:
            if part:
                self._parts.append(memoryview(part))
                self.size += len(part)
        if self.due is None:
            self.due = time.monotonic() + self._LINGER_S

    def flush(self) -> None:
        """Send what the pipe accepts now; send the rest when it accepts more."""
        while self._parts:
            try:
                written = os.writev(self._fd, list(self._parts)[:64])
            except BlockingIOError:
                break
            self.size -= written
            while written:
                part = self._parts.popleft()
                if len(part) > written:
                    self._parts.appendleft(part[written:])
                    break
                written -= len(part)
        blocked = bool(self._parts)
        self.due = None
        if blocked and not self._blocked:
            self._loop.watch(self._fd, WRITABLE, self.flush)
        elif self._blocked and not blocked:
            self._loop.unwatch(self._fd)
        self._blocked = blocked

    def flush_finally(self) -> None:
        """Send everything, however long it takes."""
        os.set_blocking(self._fd, True)
        self.flush()
