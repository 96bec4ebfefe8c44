"""The process that programs are forked from: runners imported, heap frozen, confined, and without any job's data.

It is a separate interpreter that has not opened the file it is to run (:mod:`.start_hook`). It receives descriptors and
limits over a socket, forks, waits, sweeps, and reports how the child ended. The child reads its job from the
descriptors, so the memory that the next program inherits holds nothing of this one.
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


class ChildExit(NamedTuple):
    """How a child and all its descendants ended."""

    status: int
    """The status that ``waitpid`` returned."""
    cpu_s: float
    peak: int
    """Largest resident size of any single process, in bytes."""
    peaks: int
    """Sum of the largest resident sizes of all processes, in bytes."""
    swept: bool
    """Whether processes had to be killed after the child had ended."""
    clean: bool
    """Whether no process is left alive; otherwise the slot must not be used again."""


class ZygoteError(Exception):
    """The zygote itself failed: the slot is lost, and the program is not to blame."""


class Zygote:
    """The broker's handle on the zygote."""

    def __init__(self, uid: int, *, counts_children: bool) -> None:
        """Take the programs' uid, and whether CPU time is known only from processes that wait for their children."""
        if os.getpid() != 1:
            # Sweeping uses kill(-1): outside of our own PID namespace it would reach the whole machine.
            raise ZygoteError("the worker must be process 1 of its own PID namespace")
        self._socket, zygote_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.fd = self._socket.fileno()
        self.pid = os.fork()
        if self.pid == 0:
            _start(zygote_end)
        zygote_end.close()
        self._socket.send(_SETTINGS.pack(uid, counts_children))
        self.runners = self._receive().decode().split()
        """The runners that could be imported."""

    def spawn(self, spawn: Spawn, fds: list[int]) -> None:
        """Tell the zygote to fork a child that gets copies of ``fds``."""
        socket.send_fds(self._socket, [spawn.encode()], fds)

    def kill(self) -> None:
        """Kill the child and its descendants; the exit still follows."""
        self._socket.send(_KILL)
        os.kill(self.pid, _KILL_SIGNAL)

    def receive_exit(self) -> ChildExit:
        """Return the exit of the child; :attr:`fd` is readable when it is there."""
        return ChildExit(*_EXIT.unpack(self._receive()))

    def _receive(self) -> bytes:
        message = self._socket.recv(1 << 16)
        if not message:
            raise ZygoteError("the zygote is gone")
        if message[:1] == b"!":
            raise ZygoteError(message[1:].decode("utf-8", "replace"))
        return message[1:]


def _start(connection: socket.socket) -> NoReturn:
    """Become the interpreter that serves as zygote, with standard streams of the kinds that programs get."""
    try:
        os.dup2(connection.fileno(), CONNECTION)
        _, writing = os.pipe()
        empty = os.memfd_create("empty")
        for standard, fd in enumerate((empty, writing, writing)):
            os.dup2(fd, standard)
        os.closerange(CONNECTION + 1, 1024)
        child.set_stack(child.STACK)  # before exec, which reserves address space for it
        os.execv(sys.executable, ["python3", MAIN])  # noqa: S606 - there is no shell in there
    finally:
        os._exit(1)


def serve(startup_modules: frozenset[str]) -> None:
    """Serve the broker; returns only in a child that is to run a file.

    ``startup_modules`` names the modules of a fresh interpreter.
    """
    connection = socket.socket(fileno=CONNECTION)
    try:
        uid, counts_children = _SETTINGS.unpack(connection.recv(_SETTINGS.size))
        _redirect_to_null()
        runners = _prepare(startup_modules, counts_children=counts_children)
        connection.send(b" " + " ".join(runners).encode())
        while _serve(connection, uid, runners):
            pass
    except BaseException:
        connection.send(b"!" + traceback.format_exc()[-8000:].encode("utf-8", "backslashreplace"))
        os._exit(1)


def _redirect_to_null() -> None:
    """Point the standard descriptors to ``/dev/null``; each program gets its own."""
    null = os.open("/dev/null", os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.close(null)


def _prepare(startup_modules: frozenset[str], *, counts_children: bool) -> dict[str, ModuleType]:
    """Set up what every program inherits: no groups, low limits, the filter, warm modules; return the runners."""
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
    # Not 0: the kernel feeds a core pattern that is a pipe at any limit except 1.
    child.lower(resource.RLIMIT_CORE, 1)
    for limit in (resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
        with contextlib.suppress(ValueError):  # gVisor lacks some
            resource.setrlimit(limit, (0, 0))
    child.lower(resource.RLIMIT_FSIZE, scratch.MAX_FILE)
    child.lower(resource.RLIMIT_NOFILE, child.MAX_DESCRIPTORS)
    landlock.prepare()
    _let_qsort_read_memory_size()
    seccomp.install(keep_zombies=counts_children)
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    warm_modules.hide(startup_modules)
    gc.collect()
    gc.freeze()
    return runners


def _let_qsort_read_memory_size() -> None:
    """Call the C library's qsort, which reads the machine's memory size once, before the filter refuses that."""
    libc, room = ctypes.CDLL(None), ctypes.create_string_buffer(2048)
    libc.qsort(room, 2048, 1, libc.strcmp)


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Return a message and its descriptors; ``socket.recv_fds`` would import a module on each call."""
    room = socket.CMSG_LEN(_MAX_FDS * _FD.size)
    message, ancillary, _, _ = connection.recvmsg(4096, room, socket.MSG_CMSG_CLOEXEC)
    return message, [fd for _, _, data in ancillary for (fd,) in _FD.iter_unpack(data[: len(data) // 4 * 4])]


def _serve(connection: socket.socket, uid: int, runners: dict[str, ModuleType]) -> bool:
    """Fork one child and wait for its end; return False in a child that is to run a file, True in the zygote."""
    message, fds = _receive(connection)
    if not message:
        os._exit(0)  # the broker is gone
    if message == _KILL:
        return True  # meant for a child that has ended meanwhile
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
        # Only a process that is still root may signal the zygote: from a program this call is refused.
        os.kill(os.getppid(), _SETUP_FAILED_SIGNAL)
        os._exit(125)


def _wait(connection: socket.socket, pid: int, uid: int, usage: Usage) -> tuple[int, bool]:
    """Wait for the child, and kill it if the broker says so; return its status and whether descendants outlive it."""
    while True:
        number = signal.sigwait(_WAITED)
        if number == _SETUP_FAILED_SIGNAL:
            raise ZygoteError("a child could not be confined")
        if number == _KILL_SIGNAL and _kill_requested(connection):
            with contextlib.suppress(PermissionError):  # it is no longer root; the next call reaches it
                os.kill(pid, signal.SIGKILL)
            kill_all(uid)
        ended, alive = reap(usage)
        if pid in ended:
            return ended[pid], alive


def _kill_requested(connection: socket.socket) -> bool:
    """Whether a request is waiting; a late signal may belong to a child that has ended."""
    try:
        return connection.recv(64, socket.MSG_DONTWAIT) == _KILL
    except BlockingIOError:
        return False
