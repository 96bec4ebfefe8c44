"""Turn a fork of the zygote into a confined program, and call the program's runner in it."""

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
"""Open files of a program; our own descriptors are at the upper end, away from those that it opens itself."""

STACK = 256 << 20
"""Stack of the main thread in bytes, as on contest sites."""
THREAD_STACK = 8 << 20
"""Default stack of a thread, and the main thread's stack under the official scorer's semantics."""
_PTHREAD_ATTRIBUTE_SIZE = 64

_exit = os._exit


class Spawn(NamedTuple):
    """What the zygote learns about a child: limits and sizes, nothing of the job's content."""

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
    """Return what the child reads of its job: the program, its entry, and the section of each input."""
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
    """Set a resource limit, unless a lower one is set already."""
    ceiling = resource.getrlimit(limit)[1]
    if ceiling == resource.RLIM_INFINITY:
        ceiling = sys.maxsize
    resource.setrlimit(limit, (min(soft, ceiling), min(soft if hard is None else hard, ceiling)))


def set_stack(size: int) -> None:
    """Let the main thread's stack grow to ``size`` bytes, or to the hard limit if that is lower."""
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    resource.setrlimit(resource.RLIMIT_STACK, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))


def set_thread_stack(size: int) -> None:
    """Give threads ``size`` bytes of stack by default: the C library would use the main thread's limit for each."""
    library = ctypes.CDLL(None)
    attribute = ctypes.create_string_buffer(_PTHREAD_ATTRIBUTE_SIZE)
    library.pthread_attr_init(attribute)
    library.pthread_attr_setstacksize(attribute, ctypes.c_size_t(size))
    library.pthread_setattr_default_np(attribute)
    library.pthread_attr_destroy(attribute)


def confine(spawn: Spawn, uid: int) -> None:
    """Drop every right that the program must not have and that the zygote still needed."""
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
    """Become the program; returns only if the interpreter is to run the program's file.

    ``fds`` are the task and then, for program runners, inputs and report; for a functional test, stdin, stdout, stderr,
    result and report; for a test of a file, the standard streams alone.
    """
    task_fd = fds[0]
    channels = fds[1:]
    if spawn.runner in TEST_RUNNERS:
        for standard, fd in enumerate(fds[1:4]):
            os.dup2(fd, standard)
        channels = fds[4:]
    else:
        # Opened anew for each program: processes that inherit an open file share its flags, owner and position.
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
        warm_modules.restore_on_import()
        return
    warm_modules.restore()
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
