"""The folders that a program may write to, restored after it: empty, with the same free space and times.

The file systems mounted there bound their size and the number of their files. The zygote has no right to remove another
user's files, so it takes the program's effective uid while it removes them; no process of that uid is alive then.
"""

import contextlib
import os
import socket
import stat
import time

HOME = "/tmp"  # noqa: S108 - the slot's own file system
FOLDERS = (HOME, "/dev/shm")  # noqa: S108
MAX_FILE = 64 << 20
"""Largest size of one file, and of all files in one folder, in bytes."""
MOUNT_OPTIONS = f"mode=1777,size={MAX_FILE},nr_inodes=2048"
"""Mount options of each folder's own file system, which the sandbox mounts before it starts the worker."""
MEMORY = len(FOLDERS) * MAX_FILE
"""Memory of the slot that all files use at most, in bytes."""

_COLLECTION_S = 5.0
"""How long the kernel may take to release the last descriptors of removed files."""

_room: dict[str, tuple[int, int]] = {}


def measure() -> None:
    """Record the free space of the empty folders and set their times to a fixed value."""
    for folder in filter(os.path.isdir, FOLDERS):
        _room[folder] = _free(folder)
        _reset_times(folder)


def clear(uid: int) -> bool:
    """Empty the folders and restore their space and times; return whether that succeeded."""
    os.setresuid(0, uid, 0)
    try:
        for folder in FOLDERS:
            _empty(os.fsencode(folder))
    except OSError:
        return False
    finally:
        os.setresuid(0, 0, 0)
    return all(_renew(folder, room) for folder, room in _room.items())


def _free(folder: str) -> tuple[int, int]:
    """Return the numbers of free blocks and of files that can still be created."""
    state = os.statvfs(folder)
    return state.f_bfree, state.f_ffree


def _renew(folder: str, room: tuple[int, int]) -> bool:
    """Reset the times of an empty folder; return whether its space is free again.

    A file without a name survives while descriptors of it are in flight between sockets that no process holds. The
    kernel looks for those when a socket is closed.
    """
    end = time.monotonic() + _COLLECTION_S
    while any(now < before for now, before in zip(_free(folder), room, strict=True)):
        if time.monotonic() > end:
            return False
        for end_of_pair in socket.socketpair():
            end_of_pair.close()
        time.sleep(0.001)
    _reset_times(folder)
    return True


def _reset_times(folder: str) -> None:
    os.utime(folder, (0, 0))


def _empty(folder: bytes) -> None:
    """Remove the contents of ``folder``; trees are flattened first, since they may be deeper than any path."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    number = 0
    while names:
        for name in names:
            path = folder + b"/" + name
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for inner in os.listdir(path):
                number += 1
                with contextlib.suppress(FileNotFoundError):
                    _lift(path + b"/" + inner, folder, number)
            os.rmdir(path)
        names = os.listdir(folder)


def _lift(path: bytes, folder: bytes, number: int) -> None:
    """Remove a file, or move a folder up to ``folder`` under a free name."""
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
        return
    os.chmod(path, 0o700)  # moving a folder writes to it
    target = b"%s/%d" % (folder, number)
    while os.path.lexists(target):
        target += b"_"
    os.rename(path, target)
