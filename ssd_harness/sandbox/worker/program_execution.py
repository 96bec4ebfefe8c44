"""Run all tests of a program in one process: one fork, one pipe for reports, one lap of the clocks per report.

Small reports are collected for a moment before they are read, because a wake-up for each costs more than many tests.
Of reports that are read together, the first gets the whole lap, so a test's time is off by a few milliseconds at most.
"""

import contextlib
import os
import time

from .child import encode_task
from .job_execution import Execution, pipe
from .loop import READABLE
from .report import BrokenReport, Loaded, ReportReader, TestEnded
from .zygote import ChildExit

_CHUNK = 1 << 16
_SMALL = 1 << 12
"""Below this many bytes it pays to wait for more reports; larger ones fill the pipe and block the program."""
_GATHER_S = 0.003
_EXIT_GRACE_S = 0.2
"""How long a program may take to exit after its last report."""


class ProgramExecution(Execution):
    """A job of a program runner."""

    def start(self) -> None:
        """Fork the child with its task, the problem's inputs and a pipe for its reports."""
        job, sections = self.job, self.inputs.sections
        task = encode_task(job.program, job.entry, [sections[test] for test in job.tests])
        task_fd = os.memfd_create("task", os.MFD_CLOEXEC)
        os.write(task_fd, task)
        inputs = self.inputs.file.open()
        self._pipe, child_end = pipe()
        self._reader = ReportReader(job.limits.output)
        self._loading = True
        self.spawn(task_fd, len(task), [inputs, child_end], job.limits.cpu_s * (len(job.tests) + 1))
        for fd in (task_fd, inputs, child_end):
            os.close(fd)
        self._lap_taken = False
        self._read_at: float | None = None
        """When to read the reports that have collected; until then the pipe is not watched."""
        self._watch()

    def _watch(self) -> None:
        self._read_at = None
        self.slot.loop.watch(self._pipe, READABLE, self._readable)

    def _unwatch(self) -> None:
        self._read_at = None
        self.slot.loop.unwatch(self._pipe)

    @property
    def _all_reported(self) -> bool:
        return self.position == len(self.job.tests)

    def _readable(self) -> None:
        try:
            data = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            self._watch()
            return
        if not data:
            self._unwatch()
            return
        if len(data) < _SMALL:
            self._unwatch()
            self._read_at = time.monotonic() + _GATHER_S
        elif self._read_at is not None:
            self._watch()
        if self.reason is None:
            self._reader.feed(data)
            self._take_reports()

    @property
    def deadline(self) -> float | None:
        """When :meth:`check` must be called next."""
        limits = super().deadline
        return limits if self._read_at is None or limits is None else min(limits, self._read_at)

    def check(self) -> None:
        """Read the waiting reports, then enforce the limits: what is already reported still counts."""
        if self._read_at is not None and self.deadline is not None and time.monotonic() >= self.deadline:
            self._readable()
        super().check()

    def _take_reports(self) -> None:
        self._lap_taken = False
        try:
            while self.reason is None and (report := self._reader.next()) is not None:
                self._take(report)
        except BrokenReport:
            if self._all_reported:
                self.kill("")
            else:
                self.message = "broke the protocol"
                self.kill("signal")
                self.reason = "signal"

    def _take(self, report: TestEnded | Loaded) -> None:
        if isinstance(report, Loaded):
            if not self._loading:
                raise BrokenReport
            self._loading = False
            self._lap_of_reports()
        elif self._all_reported or report.position != self.position:
            raise BrokenReport
        else:
            self._test_ended(report.status, report.message, report.output)

    def _lap_of_reports(self) -> tuple[float, float]:
        """Return a lap for the first of the reports that were read together, zero for the others."""
        if self._lap_taken:
            return 0.0, 0.0
        self._lap_taken = True
        return self.lap()

    def _test_ended(self, status: str, message: bytes, output: bytes) -> None:
        cpu_s, wall_s = self._lap_of_reports()
        if cpu_s > self.job.limits.cpu_s:
            status = "cpu"
        self.send_outcome(status, (cpu_s, wall_s), 0, message, output)
        if status != "done":
            # Later reports would not count; the runner stops here as well.
            self.position = len(self.job.tests)
        if self._all_reported:
            self.wall_reason = ""
            self.finish_by(_EXIT_GRACE_S)

    def drain(self) -> None:
        """Take the reports that were in the pipe when the program ended, which need not be whole."""
        self._unwatch()
        with contextlib.suppress(BlockingIOError):
            while self.reason is None and (data := os.read(self._pipe, _CHUNK)):
                self._reader.feed(data)
                self._take_reports()
        os.close(self._pipe)

    def child_ended(self, child: ChildExit, cpu_s: float) -> None:
        """Blame the test that was running, unless all are reported or the job was cancelled."""
        self.inputs.release()
        self.ended = True
        if self._all_reported:
            return
        status, message = self.cause(child)
        if status:
            _, wall_s = self.lap()
            self.send_outcome(status, (cpu_s, wall_s), child.peak, message.encode(), b"")

    def stop_reading(self) -> None:
        """Let the pipe fill; the program then blocks without using CPU."""
        self._unwatch()

    def start_reading(self) -> None:
        """Read reports again."""
        if self.alive:
            self._watch()
