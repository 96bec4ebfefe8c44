"""The slot's first process: speaks the protocol, keeps the inputs, and executes one job after the other.

It is root in a container without capabilities and never runs a program's code. When it can no longer vouch for the
slot, it sends a FATAL frame and exits; the host then opens another slot.
"""

import json
import os
import platform
import sys
import time
import traceback
from collections import deque
from typing import Any, NoReturn

from . import protocol
from .inputs import Inputs
from .job_execution import Execution, Slot
from .loop import READABLE, Loop, Outbox
from .meter import Meter
from .program_execution import ProgramExecution
from .protocol import (
    CANCEL,
    CONFIG,
    DROP,
    FATAL,
    JOB,
    LOAD,
    READY,
    TEST_RUNNERS,
    FrameBuffer,
    Job,
    JobEnd,
    ProtocolError,
)
from .test_execution import TestExecution
from .zygote import Zygote

_CHUNK = 1 << 20


class Broker:
    """Reads frames, queues jobs and owns the event loop."""

    def __init__(self, stdin: int, stdout: int) -> None:
        self._stdin = stdin
        self._frames = FrameBuffer()
        config = self._config()
        loop = Loop()
        files: dict[str, int] = config.get("files", {})
        zygote = Zygote(int(config["uid"]), counts_children=Meter.counts_children(files))
        meter = Meter(zygote.pid, files)
        self.outbox = Outbox(loop, stdout)
        self._slot = Slot(loop, self.outbox, zygote, meter, int(config.get("memory", 0)))
        self._inputs: dict[int, Inputs] = {}
        self._loading: Inputs | None = None
        self._queue: deque[tuple[int, Job, Inputs]] = deque()
        self._running: Execution | None = None
        os.set_blocking(stdin, False)
        loop.watch(zygote.fd, READABLE, self._zygote_readable)
        loop.watch(stdin, READABLE, self._stdin_readable)
        ready = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "runners": zygote.runners,
            "meter": meter.kind,
            "cpus": meter.cpus,
        }
        self.outbox.put(protocol.frame(READY, 0, json.dumps(ready).encode()))

    def _config(self) -> dict[str, Any]:
        """Wait for the first frame, which configures everything."""
        while (frame := self._frames.frame()) is None:
            data = os.read(self._stdin, _CHUNK)
            if not data:
                sys.exit(0)
            self._frames.feed(data)
        kind, _, payload = frame
        if kind != CONFIG:
            raise ProtocolError("the first frame must be the configuration")
        config: dict[str, Any] = json.loads(payload)
        return config

    def run(self) -> NoReturn:
        """Serve until the host closes the stream."""
        outbox, loop = self.outbox, self._slot.loop
        while True:
            running = self._running
            deadlines = [outbox.due, running.deadline if running else None]
            loop.step(min((deadline for deadline in deadlines if deadline is not None), default=None))
            if self._running:
                self._running.check()
                self._advance()
            if outbox.due is not None and (self._running is None or time.monotonic() >= outbox.due):
                outbox.flush()
            self._regulate()

    # -- jobs ---

    def _advance(self) -> None:
        """Start the next job if the previous one is over."""
        while self._running is None or self._running.ended:
            self._running = None
            if not self._queue:
                return
            number, job, inputs = self._queue.popleft()
            kind = TestExecution if job.runner in TEST_RUNNERS else ProgramExecution
            self._running = kind(self._slot, number, job, inputs)
            self._running.start()

    def _regulate(self) -> None:
        """Pause the program while the host does not read its output."""
        running, outbox = self._running, self.outbox
        if running is None:
            return
        if outbox.full and running.paused_at is None:
            running.pause()
        elif outbox.low and running.paused_at is not None:
            running.resume()

    def _zygote_readable(self) -> None:
        if self._running is None:
            self._slot.zygote.receive_exit()  # raises if the zygote failed; without a job there is no other message
            raise ProtocolError("the zygote sent an exit without a job")
        self._running.child_exited()
        self._advance()

    # -- the host ---

    def _stdin_readable(self) -> None:
        data = os.read(self._stdin, _CHUNK)
        if not data:
            sys.exit(0)
        self._frames.feed(data)
        while True:
            if self._loading is None and (header := self._frames.header()) is not None and header[0] == LOAD:
                _, number, length = header
                if number in self._inputs:
                    raise ProtocolError(f"inputs {number} are already loaded")
                self._loading = self._inputs[number] = Inputs(length)
            if self._loading is not None:
                self._loading.feed(self._frames.take(self._loading.remaining))
                if self._loading.remaining:
                    return
                self._loading = None
                continue
            frame = self._frames.frame()
            if frame is None:
                return
            self._take(*frame)

    def _take(self, kind: int, number: int, payload: bytes) -> None:
        if kind == JOB:
            job = Job.decode(payload)
            inputs = self._inputs.get(job.inputs)
            if inputs is None or any(test >= len(inputs.sections) for test in job.tests):
                raise ProtocolError(f"job {number} names inputs that are not loaded")
            if job.runner not in self._slot.zygote.runners:
                raise ProtocolError(f"this image has no runner {job.runner}")
            inputs.users += 1
            self._queue.append((number, job, inputs))
            self._advance()
        elif kind == CANCEL:
            self._cancel(number)
        elif kind == DROP:
            dropped = self._inputs.pop(number, None)
            if dropped is not None:
                dropped.drop()
        else:
            raise ProtocolError(f"unexpected frame of kind {kind}")

    def _cancel(self, number: int) -> None:
        """Stop a running job or skip a queued one; ignore a job that is over."""
        if self._running is not None and self._running.number == number:
            self._running.cancel()
            self._advance()
            return
        for queued in self._queue:
            if queued[0] == number:
                self._queue.remove(queued)
                queued[2].release()
                self.outbox.put(JobEnd(number, 0.0, 0.0, 0, swept=False).frame())
                return


def main() -> NoReturn:
    """Run the broker on descriptors 0 and 1; report an unexpected error to the host before exiting."""
    stdin, stdout = os.dup(0), os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    outbox: Outbox | None = None
    try:
        broker = Broker(stdin, stdout)
        outbox = broker.outbox
        broker.run()
    except Exception:
        text = traceback.format_exc()[-8000:].encode("utf-8", "backslashreplace")
        outbox = outbox or Outbox(Loop(), stdout)
        outbox.put(protocol.frame(FATAL, 0, text))
        outbox.flush_finally()
        os._exit(3)
