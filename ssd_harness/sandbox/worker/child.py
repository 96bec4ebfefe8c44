"""What a fork of the zygote does until it is a confined program, and how the program's runner is called in it."""

import ctypes
import os
import resource
import signal
import struct
import sys
from types import ModuleType
from typing import NamedTuple

from . import landlock, warm_modules
from .protocol import TEST_RUNNERS
from .report import Report, Tests

_SPAWN = struct.Struct("<16sIQIQ")  # runner, CPU seconds, address space, processes, size of the task
_TASK = struct.Struct("<II")  # number of tests, length of entry

MAX_DESCRIPTORS = 64
"""Open files of a program; what it has no business with lies at the upper end, away from what it opens itself."""

STACK = 256 << 20
"""Stack of the main thread, in bytes, as contest sites grant it."""
THREAD_STACK = 8 << 20
"""Stack of a thread that asks for none, and of the main thread where the official scorer runs the program."""
_PTHREAD_ATTRIBUTE_SIZE = 64

_exit = os._exit


class Spawn(NamedTuple):
    """What the zygote is told about a child: limits and sizes, nothing of the job's content."""

    runner: str
    cpu_s: int
    memory: int
    processes: int
    task_size: int

    def encode(self) -> bytes:
        """Return the message."""
        return _SPAWN.pack(self.runner.encode(), *self[1:])

    @classmethod
    def decode(cls, message: bytes) -> "Spawn":
        """Read the message."""
        runner, *rest = _SPAWN.unpack(message)
        return cls(runner.rstrip(b"\0").decode(), *rest)


def encode_task(source: bytes, entry: str, sections: list[tuple[int, int]]) -> bytes:
    """Return what the child itself reads of its job: the program, its entry, and where each input lies."""
    name = entry.encode()
    flat = [number for section in sections for number in section]
    return _TASK.pack(len(sections), len(name)) + struct.pack(f"<{len(flat)}Q", *flat) + name + source


def decode_task(task: bytes) -> tuple[bytes, str, list[tuple[int, int]]]:
    """Return (source, entry, sections)."""
    count, length = _TASK.unpack_from(task)
    start = _TASK.size + 16 * count
    sections = list(struct.iter_unpack("<QQ", task[_TASK.size : start]))
    return task[start + length :], task[start : start + length].decode(), sections


def lower(limit: int, soft: int, hard: int | None = None) -> None:
    """Set a resource limit, or keep what is lower already."""
    ceiling = resource.getrlimit(limit)[1]
    if ceiling == resource.RLIM_INFINITY:
        ceiling = sys.maxsize
    resource.setrlimit(limit, (min(soft, ceiling), min(soft if hard is None else hard, ceiling)))


def set_stack(size: int) -> None:
    """Let the main thread's stack grow to ``size`` bytes, or to what the hard limit allows."""
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    resource.setrlimit(resource.RLIMIT_STACK, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))


def set_thread_stack(size: int) -> None:
    """Give threads ``size`` bytes by default: the C library would take the main thread's limit for each."""
    library = ctypes.CDLL(None)
    attribute = ctypes.create_string_buffer(_PTHREAD_ATTRIBUTE_SIZE)
    library.pthread_attr_init(attribute)
    library.pthread_attr_setstacksize(attribute, ctypes.c_size_t(size))
    library.pthread_setattr_default_np(attribute)
    library.pthread_attr_destroy(attribute)


def confine(spawn: Spawn, uid: int) -> None:
    """Take everything away from this process that the program must not have; what the zygote lacks it never had."""
    os.setsid()
    lower(resource.RLIMIT_CPU, spawn.cpu_s, spawn.cpu_s + 1)
    lower(resource.RLIMIT_AS, spawn.memory)
    lower(resource.RLIMIT_NPROC, spawn.processes)
    if spawn.runner not in TEST_RUNNERS:
        set_stack(THREAD_STACK)
    landlock.confine()
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def run(spawn: Spawn, fds: list[int], uid: int, runner: ModuleType) -> None:
    """Become the program; returns only where the interpreter is to run its file.

    Descriptors: the task, then inputs and report (program runners), stdin, stdout, stderr, result and report (a
    function's test), or the standard streams alone (a file's test).
    """
    task_fd = fds[0]
    channels = fds[1:]
    if spawn.runner in TEST_RUNNERS:
        for standard, fd in enumerate(fds[1:4]):
            os.dup2(fd, standard)
        channels = fds[4:]
    else:
        # Opened for each program: the flags, owner and position of an open file belong to all who inherit it.
        null = os.open("/dev/null", os.O_RDWR)
        for standard in range(3):
            os.dup2(null, standard)
    high = MAX_DESCRIPTORS - len(channels)
    task = os.pread(task_fd, spawn.task_size, 0)
    for target, fd in enumerate(channels, high):
        os.dup2(fd, target, inheritable=False)
    os.closerange(3, high)
    confine(spawn, uid)
    source, entry, sections = decode_task(task)
    if not channels:
        runner.install(source)
        warm_modules.lend()
        return
    warm_modules.take_out()
    report = Report(MAX_DESCRIPTORS - 1)
    if spawn.runner in TEST_RUNNERS:
        _run_test(runner, source, entry, high, report)
    else:
        _run_program(runner, source, entry, Tests(high, sections), report)


def _run_program(runner: ModuleType, source: bytes, entry: str, tests: Tests, report: Report) -> None:
    try:
        runner.run(source, entry, tests, report)
    except BaseException as error:
        report.end(report.position, "exception", b"", f"{type(error).__name__} escaped from the runner")
    _exit(0)


def _run_test(runner: ModuleType, source: bytes, entry: str, result: int, report: Report) -> None:
    try:
        status, message = runner.run(source, entry, result)
    except BaseException as error:
        status, message = "exception", f"{type(error).__name__} escaped from the runner"
    report.end(0, status, b"", message)
    _exit(0)
