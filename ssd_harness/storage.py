"""Write files so that a kill at any moment leaves the old state or the new one, never half of it."""

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from ssd_harness.errors import InfrastructureError, SsdError

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM}
_PATH_ERRORS = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
}
_FULL_BELOW = 1 << 20
"""Free bytes below which a disk counts as full."""
_UNPROTECTED_S = 60.0
"""How long after its creation a scratch folder may still be unprotected."""

# -- errors ---


@contextlib.contextmanager
def disk_errors(path: os.PathLike[str] | str) -> Iterator[None]:
    """Turn errors of a full, read-only or forbidden disk into one clear line that names ``path``.

    For a block that only writes to ``path``; use :func:`full_disk_errors` around anything else.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, shutil.Error):  # raised when a folder is copied: (source, target, reason) of each file
            raise InfrastructureError(f"cannot copy: {error.args[0][0][2]}", where=path) from error
        if error.errno in _FORBIDDEN:
            owner = _owner(error.filename or path)
            raise InfrastructureError(
                f"cannot write: {error.strerror}",
                where=path,
                next_step=f"get write permission from {owner}, or set SSD_HARNESS_HOME to a folder of your own",
            ) from error
        if error.errno not in _DISK_ERRORS | _PATH_ERRORS:
            raise
        raise _cannot_write(error.errno, path) from error


@contextlib.contextmanager
def full_disk_errors(path: os.PathLike[str] | str) -> Iterator[None]:
    """Turn errors of a full, broken or read-only disk into one clear line; let all other errors through.

    Libraries raise errors of various types when a write fails. So if almost no space is left, any error counts as
    one of a full disk.
    """
    try:
        yield
    except SsdError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise _cannot_write(error.errno, path) from error
        if shutil.disk_usage(path if Path(path).is_dir() else Path(path).parent).free > _FULL_BELOW:
            raise
        raise _cannot_write(errno.ENOSPC, path) from error


def _cannot_write(number: int | None, path: os.PathLike[str] | str) -> InfrastructureError:
    next_step = "free some space or choose another folder, then run the same command again (finished work is kept)"
    return InfrastructureError(f"cannot write: {os.strerror(number or 0)}", where=path, next_step=next_step)


def _owner(path: Any) -> str:
    """Return the owner of ``path``, or of the nearest folder above it that exists."""
    for folder in (Path(path), *Path(path).parents):
        with contextlib.suppress(OSError, KeyError):
            return folder.owner()
    return "its owner"


# -- files ---


@contextlib.contextmanager
def atomic_writer(path: os.PathLike[str] | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Yield a file that replaces ``path`` if the block succeeds and is removed if it fails."""
    target = Path(path)
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    encoding = None if "b" in mode else "utf-8"
    try:
        with full_disk_errors(target), os.fdopen(descriptor, mode, encoding=encoding) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), _default_mode())
        with disk_errors(target):
            Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: os.PathLike[str] | str, value: Any) -> None:
    """Replace ``path`` atomically by ``value`` as indented JSON with sorted keys."""
    with atomic_writer(path) as stream:
        json.dump(value, stream, indent=2, sort_keys=True, ensure_ascii=False)
        stream.write("\n")


def append_line(path: os.PathLike[str] | str, line: bytes) -> None:
    """Append ``line`` and a newline to ``path``, whole or not at all; several processes may append at the same time.

    If a kill has truncated the last line, the new line still starts at the beginning of a line.
    """
    target = Path(path)
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _append(descriptor, line + b"\n")
        finally:
            os.close(descriptor)


def _append(descriptor: int, line: bytes) -> None:
    """Write ``line``; if the disk becomes full within it, remove the partial line and raise."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    try:
        unwritten = line
        while unwritten:
            unwritten = unwritten[os.write(descriptor, unwritten) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _default_mode() -> int:
    """Return the mode of a new file."""
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


# -- folders ---


def flush_folder(folder: Path) -> None:
    """Fsync all files in ``folder`` and reset their modes to the umask's default.

    A disk may report only at fsync that it is full, and some libraries create files that only their owner may read. The
    mode of a file with a second hard link is left alone.
    """
    with disk_errors(folder):
        for file in folder.rglob("*"):
            if file.is_file():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
                    if os.fstat(stream.fileno()).st_nlink == 1:
                        os.fchmod(stream.fileno(), _default_mode() | (file.stat().st_mode & 0o111))


def move_folder(source: Path, target: Path) -> None:
    """Move the folder ``source`` to ``target`` in one step, even from another file system."""
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with scratch_folder(target.parent / f".{target.name}.{os.getpid()}") as scratch:
                shutil.copytree(source, scratch, dirs_exist_ok=True)
                scratch.rename(target)
            shutil.rmtree(source, ignore_errors=True)


@contextlib.contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Create the folder ``path``, whose name must end in this process's id; remove it after the block unless moved."""
    with disk_errors(path):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    try:
        with protected(path):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder in one step; if a kill interrupts it, :func:`remove_leftovers` removes the remaining files."""
    doomed = folder.with_name(f".removed-{folder.name}-{os.getpid()}")
    with disk_errors(folder), protected(folder):
        folder.rename(doomed)
        shutil.rmtree(doomed)


def link_or_copy(source: str, target: str) -> None:
    """Hard-link a file if the file system allows it, else copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextlib.contextmanager
def protected(folder: Path) -> Iterator[None]:
    """Keep :func:`remove_leftovers` from removing ``folder`` during the block, even if it is renamed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove the leftovers of killed processes in ``folder``: hidden folders whose names end in a process id."""
    for leftover in folder.glob(".*"):
        if not re.search(r"[.-]\d+$", leftover.name):
            continue
        with contextlib.suppress(OSError):
            if time.time() - leftover.stat().st_ctime < _UNPROTECTED_S:
                continue
            descriptor = os.open(leftover, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(leftover, ignore_errors=True)
            finally:
                os.close(descriptor)


# -- locks ---


@contextlib.contextmanager
def locked(path: os.PathLike[str] | str, on_wait: Callable[[], None] | None = None) -> Iterator[int]:
    """Hold an exclusive advisory lock on ``path``; the kernel releases it when the process dies.

    Yields the lock's descriptor: a child that keeps it open holds the lock too. ``on_wait`` is called before waiting.
    """
    target = Path(path)
    while True:
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            stream = _open_lock(target)
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if on_wait:
                    on_wait()
                fcntl.flock(stream, fcntl.LOCK_EX)
            if _is_at(target, stream):
                yield stream.fileno()
                return


@contextlib.contextmanager
def locked_if_free(paths: Iterable[Path]) -> Iterator[bool]:
    """Lock those of ``paths`` that exist and yield True; yield False if any of them is already locked, even shared."""
    with contextlib.ExitStack() as stack:
        try:
            for path in paths:
                if path.exists():
                    stream = stack.enter_context(_open_lock(path))
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            yield False
        else:
            yield True


@contextlib.contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Hold a shared lock on ``path``, so that :func:`locked_if_free` yields False.

    Without permission to write there, no lock is taken, and the block still runs.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            fcntl.flock(stack.enter_context(_open_lock(path)), fcntl.LOCK_SH)
        yield


def _open_lock(path: Path) -> IO[Any]:
    """Open a lock file; another user's file, which is read-only here, can be locked as well."""
    try:
        return path.open("a")
    except PermissionError:
        if not path.exists():
            raise
        return path.open("r")


def _is_at(path: Path, stream: IO[Any]) -> bool:
    """Whether the open file is still at ``path``: the previous holder may have removed it with its folder."""
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False
