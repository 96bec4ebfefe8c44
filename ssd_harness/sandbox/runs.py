"""The runs of this host and their slots: one file per run, locked as long as the run's process lives.

Files of other users are hostile text. A run counts only while its file is locked, its process has the start time in the
file, and both belong to the same user.
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
"""Size of a file in bytes; it is overwritten in one call, so that no reader sees half of it."""
_MOST_FILES = 1_000
_SILENT_S = 10.0
"""A waiting run that has not touched its file for this long is stopped or stuck, and no run waits for it."""


@dataclass(frozen=True, slots=True)
class Run:
    """The content of one run's file."""

    pid: int
    started: int
    """Start time of the process in clock ticks since boot; a reused pid has another one."""
    namespace: str
    """The pid namespace of ``pid``."""
    command: str
    count: int
    """The run may use the slots with numbers below this."""
    slots: dict[int, int] = field(default_factory=dict)
    """Slots that it holds, and since when, in seconds since the epoch."""
    waiting: int = 0
    """Number of slots that it waits for."""
    since: int = 0
    """When its oldest wait began, or when it last took or returned a slot if that is later; in nanoseconds of the
    system's monotonic clock."""
    silent: bool = False
    """Whether it has not touched its file for a while."""

    @property
    def rank(self) -> tuple[int, int, int]:
        """Sort key of waiting runs: fewer slots first, then first come, first served."""
        return len(self.slots), self.since, self.pid


class OwnFile:
    """The file of this process."""

    def __init__(self, folder: Path) -> None:
        """Create and lock it."""
        pid = os.getpid()
        while True:
            self.path = folder / f"{_PREFIX}{pid}-{secrets.token_hex(4)}.json"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o644)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Before it was locked, another run may have removed the file as a dead run's.
                if os.fstat(self._descriptor).st_nlink:
                    break
            self.remove()
        os.fchmod(self._descriptor, 0o644)  # other users must read it, whatever the umask
        started, _ = _process(pid) or (0, 0)
        self._about = {
            "pid": pid,
            "started": started,
            "namespace": _namespace(),
            "command": printable(shlex.join(provenance.command()), 300),
        }

    def write(self, *, count: int, slots: dict[int, int], waiting: int, since: int) -> None:
        """Replace the content of the file."""
        row = {**self._about, "count": count, "slots": slots, "waiting": waiting, "since": since}
        data = json.dumps(row).encode()
        if len(data) > _SIZE:  # hundreds of slots leave less room for the command
            data = json.dumps({**row, "command": printable(self._about["command"], 40)}).encode()
        os.pwrite(self._descriptor, data.ljust(_SIZE), 0)
        os.ftruncate(self._descriptor, max(_SIZE, len(data)))

    def remove(self) -> None:
        """Delete the file; other runs no longer see this one."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(self._descriptor)


def others(folder: Path, own: Path | None = None) -> Iterator[Run]:
    """Yield every living run except the one with the file ``own``; delete the files of dead runs if possible."""
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
    # A process in another namespace cannot be examined: there, only the lock shows that it lives.
    alive = run.namespace != _namespace() or _process(run.pid) == (run.started, about.st_uid)
    return run if alive else None


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError(value)
    return value


def _process(pid: int) -> tuple[int, int] | None:
    """Return (start time, uid) of a process, None if it does not exist."""
    try:
        # The name, in parentheses, may itself contain blanks and parentheses.
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(words[19]), Path(f"/proc/{pid}").stat().st_uid
    except (OSError, ValueError, IndexError):
        return None


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    except OSError:
        return ""
