"""Lease slots of the host through lock files, so that all runs and ranks together use no more slots than cores.

A slot's number determines its uid, because the kernel counts a uid's processes across containers. The lock belongs to
an open file: the kernel releases it whenever the process ends. Runs share the slots fairly: each run keeps
a file beside the locks (:mod:`~ssd_harness.sandbox.runs`) with the slots that it holds and how long it has waited.
"""

import contextlib
import fcntl
import math
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Event, Lock

from ssd_harness.errors import UsageError
from ssd_harness.sandbox.interface import SlotLost
from ssd_harness.sandbox.runs import OwnFile, Run, others

FIRST_UID = 59_000
"""Slot n runs programs as uid ``FIRST_UID + n``; below 65,536, so that the uid exists in remapped user namespaces."""
MOST_SLOTS = 1_000
TURN = 16
"""Number of programs after which a run gives its only slot to a waiting run without one. A smaller number would waste
time, because opening a slot takes as long as judging several programs."""
_POLL_S = 0.05
_TOUCH_S = 1.0
"""How often a waiting run touches its file to show that it is not stuck."""
_NOTICE_AFTER_S = 1.0
NOTICE_EVERY_S = 30.0
"""How often a run without a slot prints who holds the slots."""


def slot_count() -> int:
    """Return the number of this host's slots: its usable cores, or ``SSD_HARNESS_SLOTS``."""
    value = os.environ.get("SSD_HARNESS_SLOTS")
    if not value:
        return len(os.sched_getaffinity(0))
    if not value.isdecimal() or not 1 <= int(value) <= MOST_SLOTS:
        raise UsageError(
            f"SSD_HARNESS_SLOTS is {value!r}", next_step=f"set it to a number from 1 to {MOST_SLOTS}, or unset it"
        )
    return int(value)


def folder() -> Path:
    """Return the folder of the lock files, the same for every user of the host."""
    setting = os.environ.get("SSD_HARNESS_LEASES")
    if setting:
        return Path(setting)
    shared = Path("/run/lock")
    return (shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())) / "ssd-harness-slots"


class Lease:
    """The right to use one slot, until it is released or its process dies."""

    def __init__(self, index: int, descriptor: int, queue: "_Queue") -> None:
        self.index = index
        self.uid = FIRST_UID + index
        self._descriptor, self._queue = descriptor, queue

    def release(self) -> None:
        """Release the slot; a second call does nothing."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
            self._queue.returned(self.index)

    def give_way(self, served: int) -> bool:
        """Whether to release the slot soon for a waiting run that holds fewer; ``served`` programs ran in it."""
        return self._descriptor >= 0 and self._queue.give_way(self.index, served)


def acquire(stop: Event | None = None, *, notice_every: float = NOTICE_EVERY_S) -> Lease:
    """Return a lease on the lowest free slot; block while other runs go first, or until ``stop`` is set.

    Among waiting runs, one that holds fewer slots goes first, then the one that has waited longer. A run without a slot
    prints to standard error who holds the slots, at the start and every ``notice_every`` seconds.
    """
    stop = stop or Event()
    queue = _this_queue()
    ticket = queue.enter()
    try:
        while True:
            lease = queue.take(ticket, notice_every)
            if lease is not None:
                return lease
            if stop.wait(_POLL_S):
                raise SlotLost("no longer needed", where=queue.folder)
    finally:
        queue.leave(ticket)


class _Queue:
    """The slots that this process holds and waits for in one folder; it writes them to a file for the other runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.pid = folder, os.getpid()
        self._lock = Lock()
        self._file: OwnFile | None = None
        self._held: dict[int, int] = {}
        """Slots that this process holds, and since when, in seconds since the epoch."""
        self._yielding: set[int] = set()
        """Held slots that will be released for another run."""
        self._tickets: list[int] = []
        """When each wait began, oldest first; only the oldest tries to take a slot."""
        self._last_change = 0
        """When this run last took or returned a slot. It then goes to the end of the queue, however long its threads
        have waited."""
        self._written = 0.0
        self._last_notice = -math.inf
        self._notice: _Notice | None = None

    def enter(self) -> int:
        """Start waiting for a slot; return the ticket."""
        with self._lock:
            ticket = max(time.monotonic_ns(), self._tickets[-1] + 1 if self._tickets else 0)
            self._tickets.append(ticket)
            self._write()
            return ticket

    def leave(self, ticket: int) -> None:
        """End a wait, with or without a slot."""
        with self._lock:
            self._tickets.remove(ticket)
            self._write()

    def take(self, ticket: int, notice_every: float) -> Lease | None:
        """Take a free slot to which no other run has a better claim; None if there is none or it is not our turn.

        The notice about the holders is printed at most every ``notice_every`` seconds.
        """
        with self._lock:
            if self._tickets[0] != ticket:
                return None
            if time.monotonic() - self._written > _TOUCH_S:
                self._write()
            count = slot_count()
            others = list(self._others())
            rank = (len(self._held), self._since(), self.pid)
            ahead = [run for run in others if run.waiting and not run.silent and run.rank < rank]
            for index in range(count):
                if any(index < run.count for run in ahead):
                    continue
                descriptor = _lock_slot(self.folder, index)
                if descriptor is not None:
                    self._held[index] = int(time.time())
                    self._last_change = time.monotonic_ns()
                    self._notice = None
                    self._write()
                    return Lease(index, descriptor, self)
            if not self._held:
                self._notice = self._notice or _Notice(self.folder, self._last_notice, notice_every)
                if self._notice.show(count, others, len(ahead)):
                    self._last_notice = time.monotonic()
            return None

    def returned(self, index: int) -> None:
        """Record that a slot is free again."""
        with self._lock:
            self._held.pop(index, None)
            self._last_change = time.monotonic_ns()
            self._yielding.discard(index)
            self._write()

    def give_way(self, index: int, served: int) -> bool:
        """Decide whether to release slot ``index``: down to an even share at once, the last slot only after a while."""
        with self._lock:
            if index in self._yielding:
                return True
            poorer = [run for run in self._others() if run.waiting and not run.silent and index < run.count]
            kept = len(self._held) - len(self._yielding)
            # The waiting runs will take the slots that are being released.
            share = min((len(run.slots) for run in poorer), default=kept) + len(self._yielding)
            wanted = len(self._yielding) < sum(run.waiting for run in poorer)
            if wanted and (kept >= share + 2 or (kept == 1 and share == 0 and served >= TURN)):
                self._yielding.add(index)
                return True
            return False

    def _others(self) -> Iterator[Run]:
        return others(self.folder, self._file.path if self._file else None)

    def _since(self) -> int:
        return max(self._last_change, self._tickets[0] if self._tickets else 0)

    def _write(self) -> None:
        """Update the run's file; remove it if the run neither holds nor waits for a slot."""
        # A run that cannot write its file (a full disk) still gets slots; the others do not know that it waits.
        with contextlib.suppress(OSError):
            if self._held or self._tickets:
                self._file = self._file or OwnFile(self.folder)
                waiting = len(self._tickets)
                self._file.write(count=slot_count(), slots=self._held, waiting=waiting, since=self._since())
            elif self._file:
                self._file.remove()
                self._file = None
        self._written = time.monotonic()


class _Notice:
    """Prints who holds the slots while this run has none."""

    def __init__(self, folder: Path, last_notice: float, every: float = NOTICE_EVERY_S) -> None:
        """Start a wait; ``last_notice`` is when an earlier wait last printed."""
        self._folder, self._began, self._every = folder, time.monotonic(), every
        self._next = max(self._began + _NOTICE_AFTER_S, last_notice + every)

    def show(self, count: int, runs: Iterable[Run], ahead: int) -> bool:
        """Print the line if it is due; return whether it was."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._every
        holders = [(run, [slot for slot in run.slots if slot < count]) for run in runs]
        lines = [
            f"pid {run.pid} ({run.command}) holds {_numbers(slots)} since {_clock(min(run.slots[s] for s in slots))}"
            for run, slots in holders
            if slots
        ]
        unnamed = count - len({slot for _, slots in holders for slot in slots})
        if unnamed > 0:
            lines.append(f"{unnamed} {'are' if unnamed > 1 else 'is'} held by unknown processes")
        if ahead:
            lines.append(f"{ahead} waiting {'runs go' if ahead > 1 else 'run goes'} first")
        all_slots = f"all {count} slots of this host are" if count > 1 else "the only slot of this host is"
        text = (
            f"waiting for a free slot for {now - self._began:.0f} s: {all_slots} in use: {'; '.join(lines)} "
            f"[{self._folder}]"
        )
        clear = "\r\x1b[K" if sys.stderr.isatty() else ""
        print(f"{clear}{text}", file=sys.stderr, flush=True)
        return True


def _numbers(slots: Sequence[int]) -> str:
    return f"slot{'s' if len(slots) > 1 else ''} {', '.join(map(str, sorted(slots)))}"


def _clock(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):  # hostile value
        return "?"


_queues: dict[Path, _Queue] = {}
_queues_lock = Lock()


def _this_queue() -> _Queue:
    """Return this process's queue for the folder, which is created if missing; a forked child has its own."""
    lock_folder = folder()
    _prepare(lock_folder)
    with _queues_lock:
        queue = _queues.get(lock_folder)
        if queue is None or queue.pid != os.getpid():
            queue = _queues[lock_folder] = _Queue(lock_folder)
        return queue


def _prepare(folder: Path) -> None:
    """Create the folder of the lock files, writable for every user; raise UsageError if it is not a folder.

    Another user may have put a link there. Therefore no link is followed, and nothing of another user is changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(folder, "is not a folder") from error
    try:
        _open_to_all(descriptor, 0o1777)
    finally:
        os.close(descriptor)


def _open_to_all(descriptor: int, mode: int) -> None:
    """Set the mode of an open file if this user owns it."""
    if os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, mode)


def _refused(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"the slots' lock {reason}", where=path, next_step="remove it, or set SSD_HARNESS_LEASES to another folder"
    )


def _lock_slot(folder: Path, index: int) -> int | None:
    """Lock slot ``index`` if it is free; return the descriptor that holds the lock, else None."""
    path = folder / f"{index}.lock"
    # A pipe or a device that another user put there must not block us.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            descriptor = os.open(path, flags | os.O_CREAT, 0o444)
            _open_to_all(descriptor, 0o444)
    except OSError as error:
        raise _refused(path, f"cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _refused(path, "is not a regular file")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
