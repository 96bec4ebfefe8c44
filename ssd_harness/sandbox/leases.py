"""Slots are leased host-wide by lock files, so that several runs and ranks together use no more slots than cores.

A slot's number decides its uid, because the kernel counts the processes of a uid across containers. The lock belongs
to an open file: the kernel lets go of it when the process dies, however it dies. Runs share the slots: the file that
each keeps beside the locks (:mod:`~ssd_harness.sandbox.runs`) says what it holds and since when it waits.
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
"""Slot n runs programs as uid ``FIRST_UID + n``; below 65,536, so that it exists in remapped user namespaces."""
MOST_SLOTS = 1_000
TURN = 16
"""After so many programs a run gives its last slot to one that waits and has none: opening a slot takes as long as
judging several programs."""
_POLL_S = 0.05
_TOUCH_S = 1.0
"""How often a waiting run shows that it is not stuck."""
_SAY_AFTER_S = 1.0
SAY_EVERY_S = 30.0
"""How often a run without a slot says who holds them."""


def slot_count() -> int:
    """Return how many slots this host has: its usable cores, or ``SSD_HARNESS_SLOTS``."""
    asked = os.environ.get("SSD_HARNESS_SLOTS")
    if not asked:
        return len(os.sched_getaffinity(0))
    if not asked.isdecimal() or not 1 <= int(asked) <= MOST_SLOTS:
        raise UsageError(
            f"SSD_HARNESS_SLOTS is {asked!r}", next_step=f"set it to a number from 1 to {MOST_SLOTS}, or not at all"
        )
    return int(asked)


def folder() -> Path:
    """Return the folder of the lock files: the same for every user of the host, whatever their state folder."""
    named = os.environ.get("SSD_HARNESS_LEASES")
    if named:
        return Path(named)
    shared = Path("/run/lock")
    return (shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())) / "ssd-harness-slots"


class Lease:
    """The right to run one slot, until it is released or its process dies."""

    def __init__(self, index: int, descriptor: int, queue: "_Queue") -> None:
        self.index = index
        self.uid = FIRST_UID + index
        self._descriptor, self._queue = descriptor, queue

    def release(self) -> None:
        """Give the slot back; a second call does nothing."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
            self._queue.returned(self.index)

    def give_way(self, served: int) -> bool:
        """Say whether to release it soon, because another run waits and holds fewer; ``served`` programs ran in it."""
        return self._descriptor >= 0 and self._queue.give_way(self.index, served)


def acquire(stop: Event | None = None, *, say_every: float = SAY_EVERY_S) -> Lease:
    """Return a lease on the lowest free slot; blocks while others go first, or until ``stop`` is set.

    Of the runs that wait, one that holds fewer slots goes first, then the one that waits longer. A run that holds none
    says on standard error who holds them, at the start and every ``say_every`` seconds.
    """
    stop = stop or Event()
    queue = _this_queue()
    ticket = queue.enter()
    try:
        while True:
            lease = queue.take(ticket, say_every)
            if lease is not None:
                return lease
            if stop.wait(_POLL_S):
                raise SlotLost("not needed any more", where=queue.place)
    finally:
        queue.leave(ticket)


class _Queue:
    """The slots that this process holds and waits for, in one folder; its file tells the other runs."""

    def __init__(self, place: Path) -> None:
        self.place, self.pid = place, os.getpid()
        self._lock = Lock()
        self._file: OwnFile | None = None
        self._held: dict[int, int] = {}
        self._giving: set[int] = set()
        self._tickets: list[int] = []
        """When each wait began, oldest first; only the oldest looks for a slot."""
        self._served = 0
        """When this run last took or returned a slot: that puts it at the end of the line, however long its threads
        wait."""
        self._written = 0.0
        self._told = -math.inf
        self._notice: _Notice | None = None

    def enter(self) -> int:
        """Begin to wait for a slot; return the ticket."""
        with self._lock:
            ticket = max(time.monotonic_ns(), self._tickets[-1] + 1 if self._tickets else 0)
            self._tickets.append(ticket)
            self._write()
            return ticket

    def leave(self, ticket: int) -> None:
        """End a wait, with a slot or without one."""
        with self._lock:
            self._tickets.remove(ticket)
            self._write()

    def take(self, ticket: int, say_every: float) -> Lease | None:
        """Return a free slot that no other run has a better right to; None if there is none, or it is not our turn.

        A line about the holders is printed no sooner than ``say_every`` seconds after the last one.
        """
        with self._lock:
            if self._tickets[0] != ticket:
                return None
            if time.monotonic() - self._written > _TOUCH_S:
                self._write()
            count = slot_count()
            every = list(self._others())
            rank = (len(self._held), self._since(), self.pid)
            ahead = [run for run in every if run.waiting and not run.silent and run.rank < rank]
            for index in range(count):
                if any(index < run.count for run in ahead):
                    continue
                descriptor = _try(self.place, index)
                if descriptor is not None:
                    self._held[index] = int(time.time())
                    self._served = time.monotonic_ns()
                    self._notice = None
                    self._write()
                    return Lease(index, descriptor, self)
            if not self._held:
                self._notice = self._notice or _Notice(self.place, self._told, say_every)
                if self._notice.show(count, every, len(ahead)):
                    self._told = time.monotonic()
            return None

    def returned(self, index: int) -> None:
        """Note that a slot is free again."""
        with self._lock:
            self._held.pop(index, None)
            self._served = time.monotonic_ns()
            self._giving.discard(index)
            self._write()

    def give_way(self, index: int, served: int) -> bool:
        """Decide whether to give slot ``index`` back: down to an even share at once, the last one after a while."""
        with self._lock:
            if index in self._giving:
                return True
            poorer = [run for run in self._others() if run.waiting and not run.silent and index < run.count]
            mine = len(self._held) - len(self._giving)
            # What is on its way back will be taken by those that wait.
            share = min((len(run.slots) for run in poorer), default=mine) + len(self._giving)
            wanted = len(self._giving) < sum(run.waiting for run in poorer)
            if wanted and (mine >= share + 2 or (mine == 1 and share == 0 and served >= TURN)):
                self._giving.add(index)
                return True
            return False

    def _others(self) -> Iterator[Run]:
        return others(self.place, self._file.path if self._file else None)

    def _since(self) -> int:
        return max(self._served, self._tickets[0] if self._tickets else 0)

    def _write(self) -> None:
        """Let the file say what is held and waited for; there is none where that is nothing."""
        # A run that cannot write its file (a full disk) is judged all the same; the others do not know that it waits.
        with contextlib.suppress(OSError):
            if self._held or self._tickets:
                self._file = self._file or OwnFile(self.place)
                waits = len(self._tickets)
                self._file.write(count=slot_count(), slots=self._held, waiting=waits, since=self._since())
            elif self._file:
                self._file.remove()
                self._file = None
        self._written = time.monotonic()


class _Notice:
    """Says who holds the slots while a run has none."""

    def __init__(self, place: Path, earlier: float, every: float = SAY_EVERY_S) -> None:
        """Begin a wait; the last line about another one was printed at ``earlier``."""
        self._place, self._began, self._every = place, time.monotonic(), every
        self._next = max(self._began + _SAY_AFTER_S, earlier + every)

    def show(self, count: int, runs: Iterable[Run], ahead: int) -> bool:
        """Print a line if it is time for one; return whether it was."""
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
            lines.append(f"{unnamed} {'are' if unnamed > 1 else 'is'} held by processes that do not name themselves")
        if ahead:
            lines.append(f"{ahead} waiting {'runs go' if ahead > 1 else 'run goes'} first")
        all_slots = f"all {count} slots of this host are" if count > 1 else "the only slot of this host is"
        text = (
            f"waiting for a free slot for {now - self._began:.0f} s: {all_slots} in use: {'; '.join(lines)} "
            f"[{self._place}]"
        )
        clear = "\r\x1b[K" if sys.stderr.isatty() else ""
        print(f"{clear}{text}", file=sys.stderr, flush=True)
        return True


def _numbers(slots: Sequence[int]) -> str:
    return f"slot{'s' if len(slots) > 1 else ''} {', '.join(map(str, sorted(slots)))}"


def _clock(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):  # hostile text
        return "?"


_queues: dict[Path, _Queue] = {}
_queues_lock = Lock()


def _this_queue() -> _Queue:
    """Return this process's queue for the folder, which is made if need be; a forked child has its own."""
    place = folder()
    _prepare(place)
    with _queues_lock:
        queue = _queues.get(place)
        if queue is None or queue.pid != os.getpid():
            queue = _queues[place] = _Queue(place)
        return queue


def _prepare(place: Path) -> None:
    """Make the folder of the lock files, open to every user; raise UsageError if something else has its name.

    Another user may have put a link there: nothing is changed through one, nor anything that is not ours.
    """
    place.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(place, "is no folder of its own") from error
    try:
        _open_to_all(descriptor, 0o1777)
    finally:
        os.close(descriptor)


def _open_to_all(descriptor: int, mode: int) -> None:
    """Set the mode of an open file that this user owns."""
    if os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, mode)


def _refused(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"the slots' lock {reason}", where=path, next_step="remove it, or name another folder by SSD_HARNESS_LEASES"
    )


def _try(place: Path, index: int) -> int | None:
    """Lock slot ``index`` if it is free; return the descriptor that holds the lock."""
    path = place / f"{index}.lock"
    # A pipe or a device of another user's must not hold us up.
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
        raise _refused(path, "is no file")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
