"""The process that programs are forked from: runners imported, heap frozen, confined, and without any job's data.

It is an interpreter of its own that has not yet opened the file it is to run (:mod:`.start_hook`). It receives
descriptors and limits over a socket, forks, waits, sweeps, and tells how it ended. The child reads its own job from the
descriptors, so nothing of one program is left in the memory that the next one inherits.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import resource
import signal
import socket
import struct
import sys
import traceback
from types import ModuleType
from typing import NamedTuple, NoReturn

from . import child, landlock, scratch, seccomp, warm_modules
from .child import Spawn
from .leftovers import Usage, kill_all, reap, sweep
from .protocol import RUNNERS
from .start_hook import CONNECTION, MAIN

_KILL = b"K"
_KILL_SIGNAL, _SETUP_FAILED_SIGNAL = signal.SIGUSR1, signal.SIGUSR2
_WAITED = (signal.SIGCHLD, _KILL_SIGNAL, _SETUP_FAILED_SIGNAL)
_EXIT = struct.Struct("<idQQ??")
_SETTINGS = struct.Struct("<Q?")
_MAX_FDS = 8
_FD = struct.Struct("i")
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36


class Exit(NamedTuple):
    """How a child ended, and with it all its descendants."""

    status: int
    """As ``waitpid`` gives it."""
    cpu_s: float
    peak: int
    peaks: int
    """Largest resident sizes of all processes, added up, in bytes."""
    swept: bool
    """Whether anybody had to be killed after the child was gone."""
    clean: bool
    """Whether nobody is left alive; if not, the slot must not be used again."""


class Failed(Exception):
    """The zygote itself failed: the slot is lost, and the program is not to blame."""


class Zygote:
    """The broker's handle on the zygote."""

    def __init__(self, uid: int, *, counts_children: bool) -> None:
        """Take the uid of programs, and whether their CPU is known by the processes that wait for each other alone."""
        if os.getpid() != 1:
            # kill(-1) is how programs are swept away: outside of a PID namespace of our own it would reach the whole
            # machine.
            raise Failed("the worker must be process 1 of its own PID namespace")
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.fd = self._socket.fileno()
        self.pid = os.fork()
        if self.pid == 0:
            _start(theirs)
        theirs.close()
        self._socket.send(_SETTINGS.pack(uid, counts_children))
        self.runners = self._receive().decode().split()
        """The runners that could be imported."""

    def spawn(self, spawn: Spawn, fds: list[int]) -> None:
        """Have a child forked that owns copies of ``fds``."""
        socket.send_fds(self._socket, [spawn.encode()], fds)

    def kill(self) -> None:
        """Kill the child and its descendants; the exit follows as usual."""
        self._socket.send(_KILL)
        os.kill(self.pid, _KILL_SIGNAL)

    def exit(self) -> Exit:
        """Take the exit that is due once :attr:`fd` is readable."""
        return Exit(*_EXIT.unpack(self._receive()))

    def _receive(self) -> bytes:
        message = self._socket.recv(1 << 16)
        if not message:
            raise Failed("the zygote is gone")
        if message[:1] == b"!":
            raise Failed(message[1:].decode("utf-8", "replace"))
        return message[1:]


def _start(connection: socket.socket) -> NoReturn:
    """Become the interpreter that serves as zygote, with the kinds of standard streams that programs get."""
    try:
        os.dup2(connection.fileno(), CONNECTION)
        _, writing = os.pipe()
        empty = os.memfd_create("empty")
        for standard, fd in enumerate((empty, writing, writing)):
            os.dup2(fd, standard)
        os.closerange(CONNECTION + 1, 1024)
        child.set_stack(child.STACK)  # before the start, which leaves room for it in the address space
        os.execv(sys.executable, ["python3", MAIN])  # noqa: S606 - there is no shell in there
    finally:
        os._exit(1)


def serve(plain: frozenset[str]) -> None:
    """Serve the broker; returns only in a child that is to run a file. ``plain`` names the modules of a fresh start."""
    connection = socket.socket(fileno=CONNECTION)
    try:
        uid, counts_children = _SETTINGS.unpack(connection.recv(_SETTINGS.size))
        _lead_nowhere()
        runners = _prepare(plain, counts_children=counts_children)
        connection.send(b" " + " ".join(runners).encode())
        while _serve(connection, uid, runners):
            pass
    except BaseException:
        connection.send(b"!" + traceback.format_exc()[-8000:].encode("utf-8", "backslashreplace"))
        os._exit(1)


def _lead_nowhere() -> None:
    """Take the standard descriptors away from under the streams; each program gets its own."""
    null = os.open("/dev/null", os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.close(null)


def _prepare(plain: frozenset[str], *, counts_children: bool) -> dict[str, ModuleType]:
    """Become what every program inherits: no groups, low limits, the filter, warm modules; return the runners."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child.set_thread_stack(child.THREAD_STACK)
    scratch.measure()
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED)
    runners: dict[str, ModuleType] = {}
    for name in RUNNERS:
        try:
            runners[name] = importlib.import_module(f"{__package__}.runners.{name}")
        except ModuleNotFoundError:
            continue
        if hasattr(runners[name], "prepare"):
            runners[name].prepare()
    os.setgroups([])
    os.umask(0o022)
    os.chdir(scratch.HOME)
    # Not 0: a core pattern that names a pipe is fed whatever the limit, except at 1, which the kernel keeps for that.
    child.lower(resource.RLIMIT_CORE, 1)
    for limit in (resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
        with contextlib.suppress(ValueError):  # gVisor lacks some
            resource.setrlimit(limit, (0, 0))
    child.lower(resource.RLIMIT_FSIZE, scratch.MAX_FILE)
    child.lower(resource.RLIMIT_NOFILE, child.MAX_DESCRIPTORS)
    landlock.prepare()
    _sort_once()
    seccomp.install(keep_zombies=counts_children)
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    warm_modules.put_away(plain)
    gc.collect()
    gc.freeze()
    return runners


def _sort_once() -> None:
    """Let the C library's qsort ask how large the machine's memory is: it asks once, and the filter refuses to tell."""
    libc, room = ctypes.CDLL(None), ctypes.create_string_buffer(2048)
    libc.qsort(room, 2048, 1, libc.strcmp)


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Return a message and its descriptors; ``socket.recv_fds`` would import a module each time."""
    room = socket.CMSG_LEN(_MAX_FDS * _FD.size)
    message, ancillary, _, _ = connection.recvmsg(4096, room, socket.MSG_CMSG_CLOEXEC)
    return message, [fd for _, _, data in ancillary for (fd,) in _FD.iter_unpack(data[: len(data) // 4 * 4])]


def _serve(connection: socket.socket, uid: int, runners: dict[str, ModuleType]) -> bool:
    """Fork one child and see it to its end; return whether this still is the zygote, and not a child to run a file."""
    message, fds = _receive(connection)
    if not message:
        os._exit(0)  # the broker is gone
    if message == _KILL:
        return True  # meant for a child that ended by itself meanwhile
    spawn = Spawn.decode(message)
    pid = os.fork()
    if pid == 0:
        connection.detach()
        _become(spawn, fds, uid, runners[spawn.runner])
        return False
    for fd in fds:
        os.close(fd)
    usage = Usage()
    status, alive = _wait(connection, pid, uid, usage)
    clean = (not alive or sweep(uid, usage)) and scratch.clear(uid)
    connection.send(b" " + _EXIT.pack(status, usage.cpu_s, usage.peak, usage.peaks, alive, clean))
    return True


def _become(spawn: Spawn, fds: list[int], uid: int, runner: ModuleType) -> None:
    """Turn this fork into the program; returns if the interpreter is to run the file."""
    try:
        child.run(spawn, fds, uid, runner)
    except BaseException:
        # Only a process that is still root may signal the zygote: from a program this is a refused system call.
        os.kill(os.getppid(), _SETUP_FAILED_SIGNAL)
        os._exit(125)


def _wait(connection: socket.socket, pid: int, uid: int, usage: Usage) -> tuple[int, bool]:
    """Wait for the child, killing it when the broker says so; return its status and whether descendants outlive it."""
    while True:
        number = signal.sigwait(_WAITED)
        if number == _SETUP_FAILED_SIGNAL:
            raise Failed("a child could not be confined")
        if number == _KILL_SIGNAL and _asked_to_kill(connection):
            with contextlib.suppress(PermissionError):  # it is not root any more, and the next call reaches it
                os.kill(pid, signal.SIGKILL)
            kill_all(uid)
        ended, alive = reap(usage)
        if pid in ended:
            return ended[pid], alive


def _asked_to_kill(connection: socket.socket) -> bool:
    """Tell a fresh request from a signal that came after its child's end."""
    try:
        return connection.recv(64, socket.MSG_DONTWAIT) == _KILL
    except BlockingIOError:
        return False
