"""The frames that cross the slot's border, for both sides: a fixed header, then a payload of bounded length.

Neither side trusts a length: every kind of frame has its own bound, and a frame over it is a :class:`ProtocolError`.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

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

# Both tables mirror the enumerations of ``sandbox.interface``; their order is the wire format.
STATUSES = ("done", "exception", "compile", "load", "cpu", "wall", "memory", "output", "signal")
RUNNERS = ("lcb_stdin", "lcb_functional", "stdio", "stdio_functional")
TEST_RUNNERS = frozenset({"stdio", "stdio_functional"})
"""Those that run one process a test; the others run all tests of a program in one process."""

_JOB = struct.Struct("<BIdddQQIII")  # runner, inputs, cpu, wall, grace, memory, output, processes, tests, entry size
_OUTCOME = struct.Struct("<IBddQI")  # test, status, cpu, wall, peak, length of message
_END = struct.Struct("<ddQ?")  # cpu, wall, peak, swept


class ProtocolError(Exception):
    """The other side sent what no well-behaved side sends."""


class Request(NamedTuple):
    """A job as it travels: one program, its runner, its limits, and which of the loaded inputs to run it on."""

    runner: str
    inputs: int
    cpu_s: float
    wall_s: float
    grace_s: float
    memory: int
    output: int
    processes: int
    tests: tuple[int, ...]
    entry: str
    program: bytes

    def encode(self) -> bytes:
        """Return the payload of a JOB frame."""
        entry = self.entry.encode()
        return b"".join(
            (
                _JOB.pack(
                    RUNNERS.index(self.runner),
                    self.inputs,
                    self.cpu_s,
                    self.wall_s,
                    self.grace_s,
                    self.memory,
                    self.output,
                    self.processes,
                    len(self.tests),
                    len(entry),
                ),
                struct.pack(f"<{len(self.tests)}I", *self.tests),
                entry,
                self.program,
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> "Request":
        """Read a JOB frame's payload; raises :class:`ProtocolError`."""
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
        return cls(name, inputs, cpu, wall, grace, memory, output, processes, tests, entry, payload[start + length :])


class Outcome(NamedTuple):
    """How one test ended, as it travels."""

    test: int
    status: str
    cpu_s: float
    wall_s: float
    peak: int
    message: bytes
    output: bytes

    def frame(self, job: int) -> tuple[bytes, bytes]:
        """Return header and fixed part, and the output apart from it, so that a large one is not copied."""
        message = self.message[:MAX_MESSAGE]
        fixed = _OUTCOME.pack(self.test, STATUSES.index(self.status), self.cpu_s, self.wall_s, self.peak, len(message))
        length = len(fixed) + len(message) + len(self.output)
        return HEADER.pack(OUTCOME, job, length) + fixed + message, self.output

    @classmethod
    def decode(cls, payload: bytes) -> "Outcome":
        """Read an OUTCOME frame's payload; raises :class:`ProtocolError`."""
        try:
            test, status, cpu, wall, peak, length = _OUTCOME.unpack_from(payload)
            name = STATUSES[status]
        except (struct.error, IndexError) as error:
            raise ProtocolError(f"broken outcome: {error}") from error
        start = _OUTCOME.size + length
        if length > MAX_MESSAGE or start > len(payload):
            raise ProtocolError("broken outcome: message too long")
        return cls(test, name, cpu, wall, peak, payload[_OUTCOME.size : start], payload[start:])


class End(NamedTuple):
    """What a whole job cost, as it travels."""

    cpu_s: float
    wall_s: float
    peak: int
    swept: bool

    def frame(self, job: int) -> bytes:
        """Return the whole END frame."""
        return HEADER.pack(END, job, _END.size) + _END.pack(*self)

    @classmethod
    def decode(cls, payload: bytes) -> "End":
        """Read an END frame's payload; raises :class:`ProtocolError`."""
        try:
            return cls(*_END.unpack(payload))
        except struct.error as error:
            raise ProtocolError(f"broken end: {error}") from error


def frame(kind: int, number: int = 0, payload: bytes = b"") -> bytes:
    """Return one whole frame; raises :class:`ProtocolError` if the payload is over the kind's bound."""
    if len(payload) > BOUNDS[kind]:
        raise ProtocolError(f"frame of kind {kind} with {len(payload)} bytes")
    return HEADER.pack(kind, number, len(payload)) + payload


def load_header(number: int, lengths: Sequence[int]) -> bytes:
    """Return the start of a LOAD frame: header and index; the inputs themselves follow, end to end."""
    index = struct.pack(f"<I{len(lengths)}Q", len(lengths), *lengths)
    total = len(index) + sum(lengths)
    if total > MAX_INPUTS:
        raise ProtocolError(f"inputs of {total} bytes")
    return HEADER.pack(LOAD, number, total) + index


class FrameBuffer:
    """Cuts a byte stream into frames, whatever the pieces it arrives in."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._header: tuple[int, int, int] | None = None

    def feed(self, data: bytes) -> None:
        """Append what was read from the stream."""
        self._bytes += data

    def header(self) -> tuple[int, int, int] | None:
        """Return (kind, number, length) of the frame at hand, None while its header is incomplete."""
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
        """Take up to ``most`` of the bytes at hand; after :meth:`header`, a long payload may be taken in pieces."""
        data = bytes(memoryview(self._bytes)[:most])
        del self._bytes[: len(data)]
        self._header = None
        return data
