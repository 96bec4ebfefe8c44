"""The folders that a program may write to, made as new when it is gone: empty, with the same free space and times.

What is mounted there bounds their size and the number of their files. The zygote has no right to remove another user's
files, so for that moment it takes the program's effective uid, and nobody of that uid lives meanwhile.
"""

import contextlib
import os
import socket
import stat
import time

HOME = "/tmp"  # noqa: S108 - a file system of the slot's own
FOLDERS = (HOME, "/dev/shm")  # noqa: S108
MAX_FILE = 64 << 20
"""Bytes in one file, and in all files of one folder."""
MOUNT_OPTIONS = f"mode=1777,size={MAX_FILE},nr_inodes=2048"
"""Of each folder's own file system, which whoever starts the worker mounts."""
MEMORY = len(FOLDERS) * MAX_FILE
"""Bytes of the slot's memory that all files take at most."""

_COLLECTION_S = 5.0
"""How long the kernel may take to collect the last descriptors of removed files."""

_room: dict[str, tuple[int, int]] = {}


def measure() -> None:
    """Note the free space of the empty folders, and give them the times that they always have."""
    for folder in filter(os.path.isdir, FOLDERS):
        _room[folder] = _free(folder)
        _reset_times(folder)


def clear(uid: int) -> bool:
    """Make the folders as new; return whether that succeeded."""
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
    """Return the free blocks and the number of files that can still be made."""
    state = os.statvfs(folder)
    return state.f_bfree, state.f_ffree


def _renew(folder: str, room: tuple[int, int]) -> bool:
    """Reset the times of an empty folder; return whether its space is free again.

    A file without a name lives on while descriptors of it are in flight between sockets that nobody holds. The kernel
    looks for those when a socket is closed.
    """
    end = time.monotonic() + _COLLECTION_S
    while any(now < then for now, then in zip(_free(folder), room, strict=True)):
        if time.monotonic() > end:
            return False
        for each in socket.socketpair():
            each.close()
        time.sleep(0.001)
    _reset_times(folder)
    return True


def _reset_times(folder: str) -> None:
    os.utime(folder, (0, 0))


def _empty(folder: bytes) -> None:
    """Remove what is in ``folder``; a tree is flattened first, since it may be deeper than any path is long."""
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
    """Remove a file, or move a folder up, under a name that is free."""
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
        return
    os.chmod(path, 0o700)  # moving a folder writes to it
    target = b"%s/%d" % (folder, number)
    while os.path.lexists(target):
        target += b"_"
    os.rename(path, target)
