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
_ROOM = 1 << 20
_NEW_S = 60.0
"""A scratch folder may be so old before it is held."""


@contextlib.contextmanager
def disk_errors(path: os.PathLike[str] | str) -> Iterator[None]:
    """Turn a full, read-only or forbidden disk into one clear line that names the path.

    For a block that does nothing but write to ``path``; around anything else put :func:`full_disk`.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, shutil.Error):  # what copying a folder raises: (source, target, reason) of each file
            raise InfrastructureError(f"cannot copy: {error.args[0][0][2]}", where=path) from error
        if error.errno in _FORBIDDEN:
            owner = _owner(error.filename or path)
            raise InfrastructureError(
                f"cannot write: {error.strerror}",
                where=path,
                next_step=f"let this user write there ({owner} may), or set SSD_HARNESS_HOME to a folder of its own",
            ) from error
        if error.errno not in _DISK_ERRORS | _PATH_ERRORS:
            raise
        raise _cannot_write(error.errno, path) from error


@contextlib.contextmanager
def full_disk(path: os.PathLike[str] | str) -> Iterator[None]:
    """Turn a full, broken or read-only disk into one clear line; any other failure of the block stays what it is.

    Libraries that write say it in words of their own: with next to no room left, whatever failed did so for that.
    """
    try:
        yield
    except SsdError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise _cannot_write(error.errno, path) from error
        if shutil.disk_usage(path if Path(path).is_dir() else Path(path).parent).free > _ROOM:
            raise
        raise _cannot_write(errno.ENOSPC, path) from error


def _cannot_write(number: int | None, path: os.PathLike[str] | str) -> InfrastructureError:
    full = "free space or choose another folder and run the same command again (finished work is kept)"
    return InfrastructureError(f"cannot write: {os.strerror(number or 0)}", where=path, next_step=full)


def _owner(path: Any) -> str:
    """Return who owns the nearest folder above ``path`` that exists."""
    for folder in (Path(path), *Path(path).parents):
        with contextlib.suppress(OSError, KeyError):
            return folder.owner()
    return "its owner"


def _open_lock(path: Path) -> IO[Any]:
    """Open a lock file; another user's, which may only be read, locks as well."""
    try:
        return path.open("a")
    except PermissionError:
        if not path.exists():
            raise
        return path.open("r")


def move_folder(source: Path, target: Path) -> None:
    """Put the folder ``source`` in the place of ``target`` in one step, also from another file system."""
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
    """Make a folder for the block, whose name ends in this process's number; what is not moved away goes after it."""
    with disk_errors(path):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    try:
        with held(path):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder in one step; what a kill leaves of it goes with :func:`sweep`."""
    grave = folder.with_name(f".removed-{folder.name}-{os.getpid()}")
    with disk_errors(folder), held(folder):
        folder.rename(grave)
        shutil.rmtree(grave)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Let :func:`sweep` spare ``folder``, under whatever name, while the block runs."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def link_or_copy(source: str, target: str) -> None:
    """Link a file where the file system allows it, else copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def sweep(folder: Path) -> None:
    """Remove the folders in ``folder`` that killed processes have left: hidden, with a process's number at the end."""
    for left in folder.glob(".*"):
        if not re.search(r"[.-]\d+$", left.name):
            continue
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_ctime < _NEW_S:
                continue
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)


def settle(folder: Path) -> None:
    """Bring all files in ``folder`` to the disk, which may be full only then, and let whom ``umask`` lets read them.

    Some libraries write files that only their owner may read. A file with a second name is not ours alone.
    """
    with disk_errors(folder):
        for file in folder.rglob("*"):
            if file.is_file():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
                    if os.fstat(stream.fileno()).st_nlink == 1:
                        os.fchmod(stream.fileno(), _allowed() | (file.stat().st_mode & 0o111))


def _allowed() -> int:
    """Return the mode that a new file gets."""
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


@contextlib.contextmanager
def atomic_writer(path: os.PathLike[str] | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Yield a file that replaces ``path`` when the block ends well, and vanishes when it does not."""
    target = Path(path)
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    encoding = None if "b" in mode else "utf-8"
    try:
        with full_disk(target), os.fdopen(descriptor, mode, encoding=encoding) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), _allowed())
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


@contextlib.contextmanager
def locked(path: os.PathLike[str] | str, on_wait: Callable[[], None] | None = None) -> Iterator[int]:
    """Hold an exclusive advisory lock on ``path``; the kernel lets go of it when the process dies.

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
    """Hold all those of ``paths`` that exist and yield True; False where somebody holds one, even with others."""
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
def in_use(path: Path) -> Iterator[None]:
    """Hold ``path`` together with whoever else uses it, so that :func:`locked_if_free` leaves it alone.

    Where this user may not write there, nothing can be held, and nobody else waits for it.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            fcntl.flock(stack.enter_context(_open_lock(path)), fcntl.LOCK_SH)
        yield


def _is_at(path: Path, stream: IO[Any]) -> bool:
    """Whether the open file still stands at ``path``: whoever held the lock may have removed it with its folder."""
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


def append_line(path: os.PathLike[str] | str, line: bytes) -> None:
    """Add ``line`` and a line end to ``path``, whole or not at all; any number of processes may do so at once.

    After a line that a kill cut short, a new line begins.
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
    """Write ``line``; where the disk ends inside it, take the half line back and raise."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    try:
        rest = line
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
