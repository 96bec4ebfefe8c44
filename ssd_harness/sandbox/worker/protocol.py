"""What crosses the border of a slot, for both sides: the types, and the frames that carry them.

A frame is a fixed header and a payload of bounded length. Neither side trusts a length: each kind of frame has its own
bound, and a longer frame is a :class:`ProtocolError`. The host imports these types from here
(:mod:`ssd_harness.sandbox.interface`): this package runs inside the sandbox, where nothing else of ours exists.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

HEADER = struct.Struct("<BIQ")  # kind, number of the job or of the inputs, length of the payload

# host → worker
CONFIG, LOAD, DROP, JOB, CANCEL = 1, 2, 3, 4, 5
# worker → host
READY, OUTCOME, END, FATAL = 16, 17, 18, 19

MAX_INPUTS = 4 << 30
MAX_PROGRAM = 64 << 20
MAX_OUTPUT = 256 << 20
MAX_MESSAGE = 2000
"""Longest message about one test, in bytes."""

BOUNDS = {
    CONFIG: 1 << 16,
    LOAD: MAX_INPUTS,
    DROP: 0,
    JOB: MAX_PROGRAM,
    CANCEL: 0,
    READY: 1 << 16,
    OUTCOME: MAX_OUTPUT + MAX_MESSAGE + 64,
    END: 64,
    FATAL: 1 << 16,
}


class Runner(StrEnum):
    """How the worker executes a program; each is a module of ``runners``. The order is the wire format."""

    LCB_STDIN = "lcb_stdin"
    """Official semantics: one function, called once per test in one process, standard input mocked."""
    LCB_FUNCTIONAL = "lcb_functional"
    """Official semantics: loaded once; one shared ``Solution()``, called once per test in one process."""
    STDIO = "stdio"
    """The interpreter runs the file, in a new process for each test."""
    STDIO_FUNCTIONAL = "stdio_functional"
    """A new process and a new ``Solution()`` for each test."""


RUNNERS = tuple(Runner)
TEST_RUNNERS = frozenset({Runner.STDIO, Runner.STDIO_FUNCTIONAL})
"""Those that run one process per test; the others run all tests of a program in one process."""


class Status(StrEnum):
    """How a test ended, before its output was compared. A job ends at its first test that is not DONE.

    The order is the wire format.
    """

    DONE = "done"
    """Ran to its end; the output is complete."""
    EXCEPTION = "exception"
    """An exception escaped, or the exit status is not zero."""
    COMPILE = "compile"
    """The program does not parse."""
    LOAD = "load"
    """The program parses but fails to load, or lacks the function to call: no test was run."""
    CPU = "cpu"
    """Used more CPU time than the limit."""
    WALL = "wall"
    """Took longer than the limit."""
    MEMORY = "memory"
    """Needed more memory than the limit."""
    OUTPUT = "output"
    """Printed more than the limit."""
    SIGNAL = "signal"
    """Killed by a signal that was not ours, or ended without a report."""


STATUSES = tuple(Status)

_JOB = struct.Struct("<BIdddQQIII")  # runner, inputs, cpu, wall, grace, memory, output, processes, tests, entry size
_OUTCOME = struct.Struct("<IBddQI")  # test, status, cpu, wall, peak, length of message
_END = struct.Struct("<ddQ?")  # cpu, wall, peak, swept


class ProtocolError(Exception):
    """The other side sent what no well-behaved side sends."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one program. Times are in seconds, sizes in bytes."""

    cpu_s: float = 6.0
    """CPU time of one test, and of loading the program."""
    wall_s: float = 30.0
    """Wall time of one test: a backstop, since CPU time decides."""
    grace_s: float = 0.0
    """Wall time on top of ``wall_s`` while the program uses CPU at a pace of ``cpu_s`` in ``wall_s``: for one that is
    short of processors, not for one that sleeps."""
    memory: int = 4 << 30
    """Address space of one process; the slot's own memory limit bounds all processes together."""
    output: int = 16 << 20
    """Output of one test."""
    processes: int = 128
    """Processes and threads of the program at any one time."""


@dataclass(frozen=True, slots=True)
class Job:
    """One program, and the tests to run it on."""

    program: bytes
    """Python source."""
    runner: Runner
    """How to execute it."""
    inputs: int
    """Number under which the inputs were loaded into the slot."""
    tests: Sequence[int]
    """Indices into those inputs, in the order in which to run them."""
    entry: str = ""
    """The function or method to call; empty for a program that reads standard input."""
    limits: Limits = field(default_factory=Limits)
    """Bounds on the program."""

    def encode(self) -> bytes:
        """Return the payload of a JOB frame."""
        entry, limits = self.entry.encode(), self.limits
        fixed = _JOB.pack(
            RUNNERS.index(self.runner),
            self.inputs,
            limits.cpu_s,
            limits.wall_s,
            limits.grace_s,
            limits.memory,
            min(limits.output, MAX_OUTPUT),
            limits.processes,
            len(self.tests),
            len(entry),
        )
        return b"".join((fixed, struct.pack(f"<{len(self.tests)}I", *self.tests), entry, self.program))

    @classmethod
    def decode(cls, payload: bytes) -> "Job":
        """Read the payload of a JOB frame; raises :class:`ProtocolError`."""
        try:
            runner, inputs, cpu, wall, grace, memory, output, processes, count, length = _JOB.unpack_from(payload)
            tests = struct.unpack_from(f"<{count}I", payload, _JOB.size)
            start = _JOB.size + 4 * count
            if len(payload) < start + length:
                raise ProtocolError("job cut short")
            entry = payload[start : start + length].decode()
            name = RUNNERS[runner]
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise ProtocolError(f"broken job: {error}") from error
        limits = Limits(cpu, wall, grace, memory, output, processes)
        return cls(payload[start + length :], name, inputs, tests, entry, limits)


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """One test's raw outcome. All content comes from a hostile program; times are measured outside of it."""

    __test__ = False  # not a pytest class

    job: int
    """Number with which the job was submitted."""
    test: int
    """Index of the test's input."""
    status: Status
    """How the test ended."""
    output: bytes
    """Standard output (stdin runners), or the returned value as tagged JSON (functional runners)."""
    cpu_s: float
    """CPU time in seconds."""
    wall_s: float
    """Wall time in seconds."""
    peak: int
    """Peak resident memory so far, in bytes; 0 if only the job's end can tell."""
    message: str = ""
    """Exception text or exit status, for display alone; hostile."""

    def frame(self) -> tuple[bytes, bytes]:
        """Return (header and fixed part, output): apart, so that a large output is not copied."""
        message = self.message.encode("utf-8", "backslashreplace")[:MAX_MESSAGE]
        fixed = _OUTCOME.pack(self.test, STATUSES.index(self.status), self.cpu_s, self.wall_s, self.peak, len(message))
        length = len(fixed) + len(message) + len(self.output)
        return HEADER.pack(OUTCOME, self.job, length) + fixed + message, self.output

    @classmethod
    def decode(cls, job: int, payload: bytes) -> "TestOutcome":
        """Read the payload of an OUTCOME frame; raises :class:`ProtocolError`."""
        try:
            test, status, cpu, wall, peak, length = _OUTCOME.unpack_from(payload)
            name = STATUSES[status]
        except (struct.error, IndexError) as error:
            raise ProtocolError(f"broken outcome: {error}") from error
        start = _OUTCOME.size + length
        if length > MAX_MESSAGE or start > len(payload):
            raise ProtocolError("broken outcome: message too long")
        message = payload[_OUTCOME.size : start].decode("utf-8", "backslashreplace")
        return cls(job, test, name, payload[start:], cpu, wall, peak, message)


@dataclass(frozen=True, slots=True)
class JobEnd:
    """The job is over and the slot is swept clean; sent exactly once per job, also after a cancel."""

    job: int
    """Number with which the job was submitted."""
    cpu_s: float
    """CPU time of the program and all its descendants over the whole job in seconds, measured from outside."""
    wall_s: float
    """Wall time of the whole job in seconds."""
    peak: int
    """Peak resident memory in bytes."""
    swept: bool
    """Whether processes had to be killed after the program had ended."""

    def frame(self) -> bytes:
        """Return the whole END frame."""
        return HEADER.pack(END, self.job, _END.size) + _END.pack(self.cpu_s, self.wall_s, self.peak, self.swept)

    @classmethod
    def decode(cls, job: int, payload: bytes) -> "JobEnd":
        """Read the payload of an END frame; raises :class:`ProtocolError`."""
        try:
            return cls(job, *_END.unpack(payload))
        except struct.error as error:
            raise ProtocolError(f"broken end: {error}") from error


def frame(kind: int, number: int = 0, payload: bytes = b"") -> bytes:
    """Return one whole frame; raises :class:`ProtocolError` if the payload exceeds the kind's bound."""
    if len(payload) > BOUNDS[kind]:
        raise ProtocolError(f"frame of kind {kind} with {len(payload)} bytes")
    return HEADER.pack(kind, number, len(payload)) + payload


def load_header(number: int, lengths: Sequence[int]) -> bytes:
    """Return the start of a LOAD frame: header and index; the inputs follow, end to end."""
    index = struct.pack(f"<I{len(lengths)}Q", len(lengths), *lengths)
    total = len(index) + sum(lengths)
    if total > MAX_INPUTS:
        raise ProtocolError(f"inputs of {total} bytes")
    return HEADER.pack(LOAD, number, total) + index


class FrameBuffer:
    """Cuts a byte stream into frames, however it is split into reads."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._header: tuple[int, int, int] | None = None

    def feed(self, data: bytes) -> None:
        """Append what was read from the stream."""
        self._bytes += data

    def header(self) -> tuple[int, int, int] | None:
        """Return (kind, number, length) of the first frame, None while its header is incomplete."""
        if self._header is None and len(self._bytes) >= HEADER.size:
            kind, number, length = HEADER.unpack_from(self._bytes)
            if kind not in BOUNDS or length > BOUNDS[kind]:
                raise ProtocolError(f"frame of kind {kind} with {length} bytes")
            del self._bytes[: HEADER.size]
            self._header = kind, number, length
        return self._header

    def frame(self) -> tuple[int, int, bytes] | None:
        """Take the next whole frame as (kind, number, payload), None while it is incomplete."""
        header = self.header()
        if header is None or len(self._bytes) < header[2]:
            return None
        return header[0], header[1], self.take(header[2])

    def take(self, most: int) -> bytes:
        """Take up to ``most`` of the buffered bytes; after :meth:`header`, a long payload may be taken in pieces."""
        data = bytes(memoryview(self._bytes)[:most])
        del self._bytes[: len(data)]
        self._header = None
        return data
