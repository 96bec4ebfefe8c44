"""Start a worker in its own namespaces; the process sandbox runs this file as a program (standard library only).

In order: new PID, network, IPC, mount, UTS and control group namespaces; a fork, which is process 1 there; the
sandbox's root file system, read-only, with a minimal ``/dev``, a ``/proc`` of the new namespace and the writable
folders; pivot_root, after which the host's tree is out of reach; every capability but setuid and setgid dropped
irrevocably; then the worker.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # NS UTS IPC PID NET
_CGROUP_NAMESPACE = 0x02000000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_DETACH = 2
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_CAP_SETGID, _CAP_SETUID, _LAST_CAPABILITY = 6, 7, 63
_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}
_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
FIRST_FILE = 10
"""Descriptor of the first control group file in the worker; the others follow in order."""

_WORKER = ["python3", "-m", "ssd_harness.sandbox.worker"]

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: Any) -> None:
    """Call a function of the C library; raise an OSError that names it if it fails."""
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    encode = [None if text is None else text.encode() for text in (source, target, kind, options)]
    _call("mount", encode[0], encode[1], encode[2], ctypes.c_ulong(flags), encode[3])


def main() -> NoReturn:
    """Read the plan from the command line, start the worker and wait for it."""
    plan = json.loads(sys.argv[1])
    _call("unshare", _NAMESPACES)
    pid = os.fork()
    if pid == 0:
        _become_worker(plan)
    # Only the worker may hold the streams, so that each side notices when the other closes them.
    for fd in (0, 1):
        os.close(fd)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGKILL))
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _become_worker(plan: dict[str, Any]) -> NoReturn:
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for folder in plan["groups"]:
        Path(folder, "cgroup.procs").write_text("0", encoding="ascii")
    _call("unshare", _CGROUP_NAMESPACE)  # inside the groups, so that they are its root and their names are hidden
    for fd, path in enumerate(plan["files"], FIRST_FILE):
        os.dup2(os.open(path, os.O_RDONLY), fd, inheritable=True)
    _enter(plan["root"], plan["scratch"])
    os.closerange(3, FIRST_FILE)
    os.closerange(FIRST_FILE + len(plan["files"]), 1024)
    _call("sethostname", b"sandbox", 7)
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))  # not 0, as in the zygote
    os.setgroups([])
    os.umask(0o022)
    for capability in range(_LAST_CAPABILITY + 1):
        if capability not in {_CAP_SETGID, _CAP_SETUID}:
            _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails for an unknown one, which is fine
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.execve("/usr/bin/python3", _WORKER, plan["environment"])  # noqa: S606 - no shell is involved


def _enter(root: str, scratch: dict[str, str]) -> None:
    """Make ``root`` the whole file tree, read-only except the folders of ``scratch`` (mount options by path)."""
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount_root(root)
    dev = f"{root}/dev"
    _mount("tmpfs", dev, "tmpfs", _NOSUID | _NOEXEC, "mode=755,size=64k")
    for name, numbers in _DEVICES.items():
        os.mknod(f"{dev}/{name}", 0o020666, os.makedev(*numbers))
        Path(dev, name).chmod(0o666)
    for name, target in _LINKS.items():
        Path(dev, name).symlink_to(target)
    Path(dev, "shm").mkdir()
    _mount(None, dev, None, _REMOUNT | _RDONLY | _NOSUID | _NOEXEC)
    _mount_proc(f"{root}/proc")
    for path, options in scratch.items():
        _mount("tmpfs", f"{root}{path}", "tmpfs", _NOSUID | _NODEV | _NOEXEC, options)
    _mount(None, root, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir(root)
    _call("syscall", ctypes.c_long(_pivot_root()), b".", b".")
    _call("umount2", b".", _DETACH)
    os.chdir("/")


def _mount_root(root: str) -> None:
    """Mount ``root`` on itself; if the kernel can, as an overlay, so that mountinfo does not show its host path."""
    os.chdir(root)
    try:
        # An overlay needs two layers and shows their names as given, here relative ones. The second layer is empty.
        _mount("tmpfs", "proc", "tmpfs", _RDONLY | _NOSUID | _NODEV | _NOEXEC, "size=4k")
        _mount("root", root, "overlay", _RDONLY, "lowerdir=.:proc")
    except OSError:
        _mount(root, root, None, _BIND)


def _mount_proc(target: str) -> None:
    """Mount ``/proc`` of the new PID namespace, without the machine's own files if the kernel can omit them."""
    flags = _NOSUID | _NODEV | _NOEXEC
    try:
        _mount("proc", target, "proc", flags, "hidepid=2,subset=pid")
    except OSError:
        _mount("proc", target, "proc", flags, "hidepid=2")


def _pivot_root() -> int:
    """Return the number of the system call, which the C library does not wrap."""
    return {"x86_64": 155, "aarch64": 41}[os.uname().machine]


if __name__ == "__main__":
    main()
