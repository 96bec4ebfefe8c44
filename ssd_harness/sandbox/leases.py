"""Slots are leased host-wide by lock files, so that several runs and ranks together use no more slots than cores.

A slot's number decides its uid, because the kernel counts the processes of a uid across containers. The lock belongs
to an open file: the kernel lets go of it when the process dies, however it dies.
"""

import contextlib
import fcntl
import os
import sys
import tempfile
import time
from pathlib import Path
from threading import Event

from ssd_harness.errors import UsageError
from ssd_harness.sandbox.contracts import SlotLost

FIRST_UID = 59_000
"""Slot n runs programs as uid ``FIRST_UID + n``; below 65,536, so that it exists in remapped user namespaces."""
MOST_SLOTS = 1_000
_POLL_S = 0.05
_SAY_AFTER_S = 15.0


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

    def __init__(self, index: int, descriptor: int) -> None:
        self.index = index
        self.uid = FIRST_UID + index
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the slot back; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def acquire(stop: Event | None = None) -> Lease:
    """Return a lease on the lowest free slot; blocks while all are taken, or until ``stop`` is set."""
    stop = stop or Event()
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):
        place.chmod(0o1777)
    began, said = time.monotonic(), False
    while True:
        count = slot_count()
        for index in range(count):
            lease = _try(place, index)
            if lease is not None:
                return lease
        if not said and time.monotonic() - began > _SAY_AFTER_S:
            said = True
            print(f"waiting for a free slot: all {count} of this host are in use [{place}]", file=sys.stderr)
        if stop.wait(_POLL_S):
            raise SlotLost("not needed any more", where=place)


def _try(place: Path, index: int) -> Lease | None:
    """Take slot ``index`` if it is free."""
    path = place / f"{index}.lock"
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, 0o444)
        with contextlib.suppress(PermissionError):
            path.chmod(0o444)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return Lease(index, descriptor)
