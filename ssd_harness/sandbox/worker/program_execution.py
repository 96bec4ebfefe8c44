"""All tests of a program in one process: one fork, one pipe for reports, a lap of the clocks at each report.

Small reports gather for a moment before they are read, since waking up for each costs more than many a test. The lap
of reports that are read together goes to the first of them, so a test's time is off by a few milliseconds at most.
"""

import contextlib
import os
import time

from .child import encode_task
from .job_execution import Execution, pipe
from .loop import READABLE
from .report import BrokenReport, Ended, Loaded, ReportReader
from .zygote import Exit

_CHUNK = 1 << 16
_LITTLE = 1 << 12
"""Reports of fewer bytes than this are worth waiting for more; large ones fill the pipe, and the program would wait."""
_GATHER_S = 0.003
_EXIT_GRACE_S = 0.2
"""How long a program may take to exit once its last outcome is told."""


class ProgramExecution(Execution):
    """A job of a program runner."""

    def start(self) -> None:
        """Fork the child with its task, the problem's inputs and a pipe to report through."""
        job, sections = self.job, self.inputs.sections
        task = encode_task(job.program, job.entry, [sections[test] for test in job.tests])
        task_fd = os.memfd_create("task", os.MFD_CLOEXEC)
        os.write(task_fd, task)
        inputs = self.inputs.file.open()
        self._pipe, theirs = pipe()
        self._reader = ReportReader(job.limits.output)
        self._loading = True
        self.spawn(task_fd, len(task), [inputs, theirs], job.limits.cpu_s * (len(job.tests) + 1))
        for fd in (task_fd, inputs, theirs):
            os.close(fd)
        self._lap_taken = False
        self._look_at: float | None = None
        """When to read what has gathered meanwhile; until then the pipe is not watched."""
        self._watch()

    def _watch(self) -> None:
        self._look_at = None
        self.slot.loop.watch(self._pipe, READABLE, self._readable)

    def _unwatch(self) -> None:
        self._look_at = None
        self.slot.loop.unwatch(self._pipe)

    @property
    def _all_told(self) -> bool:
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
        if len(data) < _LITTLE:
            self._unwatch()
            self._look_at = time.monotonic() + _GATHER_S
        elif self._look_at is not None:
            self._watch()
        if self.reason is None:
            self._reader.feed(data)
            self._take_reports()

    @property
    def deadline(self) -> float | None:
        """When :meth:`check` wants to be called next."""
        limits = super().deadline
        return limits if self._look_at is None or limits is None else min(limits, self._look_at)

    def check(self) -> None:
        """Read what has gathered, then enforce the limits that are due: what is told already still counts."""
        if self._look_at is not None and self.deadline is not None and time.monotonic() >= self.deadline:
            self._readable()
        super().check()

    def _take_reports(self) -> None:
        self._lap_taken = False
        try:
            while self.reason is None and (report := self._reader.next()) is not None:
                self._take(report)
        except BrokenReport:
            if self._all_told:
                self.kill("")
            else:
                self.message = "broke the protocol"
                self.kill("signal")
                self.reason = "signal"

    def _take(self, report: Ended | Loaded) -> None:
        if isinstance(report, Loaded):
            if not self._loading:
                raise BrokenReport
            self._loading = False
            self._lap_of_reports()
        elif self._all_told or report.position != self.position:
            raise BrokenReport
        else:
            self._test_ended(report.status, report.message, report.output)

    def _lap_of_reports(self) -> tuple[float, float]:
        """Return a lap for the first of the reports that were read together, none for the others."""
        if self._lap_taken:
            return 0.0, 0.0
        self._lap_taken = True
        return self.lap()

    def _test_ended(self, status: str, message: bytes, output: bytes) -> None:
        cpu_s, wall_s = self._lap_of_reports()
        if cpu_s > self.job.limits.cpu_s:
            status = "cpu"
        self.tell(status, (cpu_s, wall_s), 0, message, output)
        if status != "done":
            # Whatever follows would not count; the runner itself stops here as well.
            self.position = len(self.job.tests)
        if self._all_told:
            self.wall_reason = ""
            self.finish_by(_EXIT_GRACE_S)

    def drain(self) -> None:
        """Take the reports that were still in the pipe when the program ended; their end may never come."""
        self._unwatch()
        with contextlib.suppress(BlockingIOError):
            while self.reason is None and (data := os.read(self._pipe, _CHUNK)):
                self._reader.feed(data)
                self._take_reports()
        os.close(self._pipe)

    def child_ended(self, ended: Exit, cpu_s: float) -> None:
        """Blame the test that was running, unless all is told or the job was cancelled."""
        self.inputs.release()
        self.ended = True
        if self._all_told:
            return
        status, message = self.cause(ended)
        if status:
            _, wall_s = self.lap()
            self.tell(status, (cpu_s, wall_s), ended.peak, message.encode(), b"")

    def pause(self) -> None:
        """Let the pipe fill; the program then blocks without using CPU."""
        self._unwatch()

    def resume(self) -> None:
        """Read on."""
        if self.alive:
            self._watch()
