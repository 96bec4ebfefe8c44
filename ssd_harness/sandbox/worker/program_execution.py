"""All tests of a program in one process: one fork, one pipe for reports, a lap of the clocks at each report."""

import contextlib
import os

from .child import encode_task
from .execution import Execution, pipe
from .loop import READABLE
from .report import BrokenReport, Ended, Loaded, ReportReader
from .zygote import Exit

_CHUNK = 1 << 16
_EXIT_GRACE_S = 0.2
"""How long a program may take to exit once its last outcome is told."""


class ProgramExecution(Execution):
    """A job of a program runner."""

    def start(self) -> None:
        """Fork the child with its task, the problem's inputs and a pipe to report through."""
        request, sections = self.request, self.inputs.sections
        task = encode_task(request.program, request.entry, [sections[test] for test in request.tests])
        task_fd = os.memfd_create("task", os.MFD_CLOEXEC)
        os.write(task_fd, task)
        inputs = self.inputs.file.open()
        self._pipe, theirs = pipe()
        self._reader = ReportReader(request.output)
        self._loading = True
        self.spawn(task_fd, len(task), [inputs, theirs], request.cpu_s * (len(request.tests) + 1))
        for fd in (task_fd, inputs, theirs):
            os.close(fd)
        self.slot.loop.watch(self._pipe, READABLE, self._readable)

    @property
    def _all_told(self) -> bool:
        return self.position == len(self.request.tests)

    def _readable(self) -> None:
        try:
            data = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self.slot.loop.unwatch(self._pipe)
        elif self.reason is None:
            self._reader.feed(data)
            self._take_reports()

    def _take_reports(self) -> None:
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
            self.lap()
        elif self._all_told or report.position != self.position:
            raise BrokenReport
        else:
            self._test_ended(report.status, report.message, report.output)

    def _test_ended(self, status: str, message: bytes, output: bytes) -> None:
        cpu_s, wall_s = self.lap()
        if cpu_s > self.request.cpu_s:
            status = "cpu"
        self.tell(status, (cpu_s, wall_s), 0, message, output)
        if status != "done":
            # Whatever follows would not count; the runner itself stops here as well.
            self.position = len(self.request.tests)
        if self._all_told:
            self.wall_reason = ""
            self.finish_by(_EXIT_GRACE_S)

    def drain(self) -> None:
        """Take the reports that were still in the pipe when the program ended; their end may never come."""
        self.slot.loop.unwatch(self._pipe)
        with contextlib.suppress(BlockingIOError):
            while self.reason is None and (data := os.read(self._pipe, _CHUNK)):
                self._reader.feed(data)
                self._take_reports()
        os.close(self._pipe)

    def child_ended(self, ended: Exit, cpu_s: float) -> None:
        """Blame the test that was running, unless all is told or the job was cancelled."""
        self.inputs.release()
        self.ended = True
        status, message = self.cause(ended)
        if not self._all_told and status:
            _, wall_s = self.lap()
            self.tell(status, (cpu_s, wall_s), ended.peak, message.encode(), b"")

    def pause(self) -> None:
        """Let the pipe fill; the program then blocks without using CPU."""
        self.slot.loop.unwatch(self._pipe)

    def resume(self) -> None:
        """Read on."""
        if self.alive:
            self.slot.loop.watch(self._pipe, READABLE, self._readable)
