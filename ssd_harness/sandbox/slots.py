"""The host's end of a slot: send jobs and inputs, receive outcomes, over any byte stream."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, Self

from ssd_harness.printable import printable
from ssd_harness.sandbox.interface import Job, JobEnd, SlotLost, TestOutcome
from ssd_harness.sandbox.leases import Lease
from ssd_harness.sandbox.worker import protocol
from ssd_harness.sandbox.worker.protocol import FrameBuffer, ProtocolError

_START_S = 60.0
_PATIENCE_S = 120.0
"""How long a slot may be silent beyond its jobs' own limits."""
_PIECE = 1 << 20


class Stream(Protocol):
    """A byte stream to a worker. ``send`` and ``receive`` raise :class:`SlotLost` on disconnection and timeout."""

    def send(self, data: bytes | memoryview, timeout_s: float) -> None:
        """Send all of ``data``."""

    def receive(self, timeout_s: float) -> bytes:
        """Return the next bytes."""

    def close(self) -> None:
        """Destroy the worker and its sandbox; never raises."""


class SlotConnection:
    """A :class:`~ssd_harness.sandbox.interface.Slot` over a stream."""

    def __init__(self, name: str, stream: Stream, lease: Lease, config: dict[str, Any]) -> None:
        """Configure the worker and wait until it is ready; on failure, close the stream and release the lease."""
        self.name = name
        self._stream, self._lease = stream, lease
        self._frames = FrameBuffer()
        self._loaded: set[int] = set()
        self._open_jobs: dict[int, float] = {}
        self._on_close: list[Callable[[SlotConnection], None]] = []
        self._closed = False
        try:
            self._send(protocol.frame(protocol.CONFIG, 0, json.dumps({"uid": lease.uid, **config}).encode()))
            kind, _, payload = self._next_frame(_START_S)
            self.ready: dict[str, Any] = json.loads(payload) if kind == protocol.READY else {}
        except BaseException:
            self.close()
            raise
        if not self.ready:
            self.close()
            raise SlotLost("the worker did not become ready", where=name)

    def load(self, number: int, inputs: Sequence[bytes]) -> None:
        """Send a problem's inputs once; jobs refer to them by ``number``."""
        if number in self._loaded:
            raise ValueError(f"inputs {number} are already loaded")
        self._send(protocol.load_header(number, [len(data) for data in inputs]))
        pending = bytearray()
        for data in inputs:
            if len(data) >= _PIECE:
                self._send(pending)
                pending = bytearray()
                self._send(data)
            else:
                pending += data
                if len(pending) >= _PIECE:
                    self._send(pending)
                    pending = bytearray()
        self._send(pending)
        self._loaded.add(number)

    def drop(self, number: int) -> None:
        """Forget the inputs; jobs that are already submitted still see them."""
        self._loaded.remove(number)
        self._send(protocol.frame(protocol.DROP, number))

    def submit(self, job_id: int, job: Job) -> None:
        """Queue a job without waiting."""
        if job.inputs not in self._loaded:
            raise KeyError(job.inputs)
        if self._open_jobs.get(job_id) is not None:
            raise ValueError(f"job {job_id} is already submitted")
        self._send(protocol.frame(protocol.JOB, job_id, job.encode()))
        self._open_jobs[job_id] = (len(job.tests) + 1) * (job.limits.wall_s + job.limits.grace_s)

    def cancel(self, job_id: int) -> None:
        """Stop the job now if it runs, skip it if it is queued; its end still comes."""
        if job_id in self._open_jobs:
            self._send(protocol.frame(protocol.CANCEL, job_id))

    def receive(self) -> TestOutcome | JobEnd:
        """Wait for the next event; raises :class:`SlotLost`."""
        longest = max(self._open_jobs.values(), default=0.0)
        kind, job, payload = self._next_frame(longest + _PATIENCE_S)
        try:
            if kind == protocol.OUTCOME:
                outcome = TestOutcome.decode(job, payload)
                return replace(outcome, message=printable(outcome.message, protocol.MAX_MESSAGE))
            if kind == protocol.END and self._open_jobs.pop(job, None) is not None:
                return JobEnd.decode(job, payload)
        except ProtocolError as error:
            raise self._lost(f"the worker broke the protocol: {error}") from error
        raise self._lost(f"the worker sent an unexpected frame of kind {kind}")

    def give_way(self, served: int) -> bool:
        """Whether to close the slot soon, for a waiting run that holds fewer slots."""
        return self._lease.give_way(served)

    def close(self) -> None:
        """Destroy the slot and everything that runs in it; never raises."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(Exception):
            self._stream.close()
        self._lease.release()
        for callback in self._on_close:
            callback(self)

    def on_close(self, callback: "Callable[[SlotConnection], None]") -> None:
        """Call ``callback`` once the slot is closed."""
        self._on_close.append(callback)

    # -- frames ---

    def _send(self, data: bytes | bytearray) -> None:
        if self._closed:
            raise SlotLost("the slot is closed", where=self.name)
        view = memoryview(data)
        for start in range(0, len(view), _PIECE):
            self._stream.send(view[start : start + _PIECE], _PATIENCE_S)

    def _next_frame(self, timeout_s: float) -> tuple[int, int, bytes]:
        if self._closed:
            raise SlotLost("the slot is closed", where=self.name)
        end = time.monotonic() + timeout_s
        try:
            while (frame := self._frames.frame()) is None:
                self._frames.feed(self._stream.receive(max(0.0, end - time.monotonic())))
        except ProtocolError as error:
            raise self._lost(f"the worker broke the protocol: {error}") from error
        if frame[0] == protocol.FATAL:
            lines = [line.strip() for line in _text(frame[2]).splitlines() if line.strip()]
            raise self._lost(f"the worker failed: {printable(' | '.join(lines)[-500:])}")
        return frame

    def _lost(self, what: str) -> SlotLost:
        return SlotLost(what, where=self.name)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


class OpenSlots:
    """The open slots of a sandbox; leaving the context closes them."""

    def __init__(self) -> None:
        self._slots: set[SlotConnection] = set()
        self._lock = threading.Lock()

    def keep(self, slot: SlotConnection) -> SlotConnection:
        """Track ``slot`` until it is closed; return it."""
        with self._lock:
            self._slots.add(slot)
        slot.on_close(self._forget)
        return slot

    def _forget(self, slot: SlotConnection) -> None:
        with self._lock:
            self._slots.discard(slot)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            slots = list(self._slots)
        for slot in slots:
            slot.close()
