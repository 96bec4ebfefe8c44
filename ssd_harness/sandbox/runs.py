"""What the runs of this host say about their slots: one file a run, locked for as long as the run's process lives.

The files of other users are hostile text. A run counts only while its file is locked, its process has the start time
that the file names, and both belong to the same user.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shlex
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ssd_harness import provenance
from ssd_harness.printable import printable

_PREFIX = "run-"
_SIZE = 2048
"""Bytes of a file: it is overwritten in one call, so that no reader sees half of it."""
_MOST_FILES = 1_000
_SILENT_S = 10.0
"""A waiting run that has not touched its file for so long is stopped or stuck, and holds up nobody."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run says about itself."""

    pid: int
    started: int
    """Start time of the process, in clock ticks since boot: a reused pid has another."""
    namespace: str
    """The pid namespace in which ``pid`` means that process."""
    command: str
    count: int
    """How many of the host's slots the run may use: those with a lower number."""
    slots: dict[int, int] = field(default_factory=dict)
    """Slots that it holds, and since when, in seconds since the epoch."""
    waiting: int = 0
    """How many slots it waits for."""
    since: int = 0
    """When the oldest of these waits began, or the run last took or returned a slot, if that is later: nanoseconds of
    the system's monotonic clock."""
    silent: bool = False
    """Whether it has not touched its file for long."""

    @property
    def rank(self) -> tuple[int, int, int]:
        """Sort waiting runs: fewer slots first, then first come, first served."""
        return len(self.slots), self.since, self.pid


class OwnFile:
    """The file of this very process."""

    def __init__(self, folder: Path) -> None:
        """Create and lock it."""
        pid = os.getpid()
        while True:
            self.path = folder / f"{_PREFIX}{pid}-{secrets.token_hex(4)}.json"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o644)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Another run may have taken the file for a dead run's before it was locked.
                if os.fstat(self._descriptor).st_nlink:
                    break
            self.remove()
        os.fchmod(self._descriptor, 0o644)  # for the other users, whatever the umask
        started, _ = _process(pid) or (0, 0)
        self._about = {
            "pid": pid,
            "started": started,
            "namespace": _namespace(),
            "command": printable(shlex.join(provenance.command()), 300),
        }

    def write(self, *, count: int, slots: dict[int, int], waiting: int, since: int) -> None:
        """Replace what the file says."""
        row = {**self._about, "count": count, "slots": slots, "waiting": waiting, "since": since}
        data = json.dumps(row).encode()
        if len(data) > _SIZE:  # hundreds of slots: which they are matters less than how many
            data = json.dumps({**row, "command": printable(self._about["command"], 40)}).encode()
        os.pwrite(self._descriptor, data.ljust(_SIZE), 0)
        os.ftruncate(self._descriptor, max(_SIZE, len(data)))

    def remove(self) -> None:
        """Delete the file; other runs see this one no more."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(self._descriptor)


def others(folder: Path, own: Path | None = None) -> Iterator[Run]:
    """Yield every living run but the one whose file is ``own``; the files of dead ones are deleted where possible."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.startswith(_PREFIX))[:_MOST_FILES]  # noqa: PTH208
    except OSError:
        return
    for name in names:
        path = folder / name
        if path != own and (run := _read(path)):
            yield run


def _read(path: Path) -> Run | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _parse(os.pread(descriptor, 1 << 16, 0), about)
        with contextlib.suppress(OSError):
            path.unlink()
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return None


def _parse(data: bytes, about: os.stat_result) -> Run | None:
    try:
        row = json.loads(data)
        run = Run(
            pid=_number(row["pid"]),
            started=_number(row["started"]),
            namespace=str(row["namespace"]),
            command=printable(row["command"], 300),
            count=_number(row["count"]),
            slots={_number(int(slot)): _number(since) for slot, since in row["slots"].items()},
            waiting=_number(row["waiting"]),
            since=_number(row["since"]),
            silent=time.time() - about.st_mtime > _SILENT_S,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    # A process of another namespace cannot be looked at: there, the lock alone says that it lives.
    alive = run.namespace != _namespace() or _process(run.pid) == (run.started, about.st_uid)
    return run if alive else None


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError(value)
    return value


def _process(pid: int) -> tuple[int, int] | None:
    """Return start time and user of a process; None if there is none."""
    try:
        # The name in brackets may hold blanks and brackets itself.
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(words[19]), Path(f"/proc/{pid}").stat().st_uid
    except (OSError, ValueError, IndexError):
        return None


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    except OSError:
        return ""
