"""Run each test in its own process: standard input is a file, as in ``python3 main.py < input``; output is piped."""

import contextlib
import os
from functools import partial

from . import interpreter_exit
from .child import encode_task
from .inputs import SealedFile
from .job_execution import Execution, pipe
from .loop import READABLE
from .protocol import MAX_MESSAGE
from .report import BrokenReport, ReportReader, TestEnded
from .zygote import ChildExit

_CHUNK = 1 << 16
_PIECE = 1 << 20
_STDERR_HEAD, _STDERR_TAIL = 64, 1000
_REPORT = MAX_MESSAGE + 64
"""Bytes kept of the report of a test's process: more than the longest report."""


class TestExecution(Execution):
    """A job of a test runner."""

    __test__ = False  # not a pytest class

    def start(self) -> None:
        """Write the program to a sealed file, which each test's process reads, and start the first test."""
        job = self.job
        task = encode_task(job.program, job.entry, [])
        self._task, self._task_size = SealedFile(), len(task)
        self._task.write(task)
        self._task.seal()
        self._functional = job.runner != "stdio"
        self._postponed = False
        if job.tests:
            self._start_test()
        else:
            self._finish()
            self.send_end()

    def _start_test(self) -> None:
        job = self.job
        self._stdout, self._result = bytearray(), bytearray()
        self._stderr, self._stderr_head = bytearray(), b""
        self._reports, self._report_room = ReportReader(0), _REPORT
        task, child_stdin = self._task.open(), self._input()
        stdout, child_stdout = pipe()
        stderr, child_stderr = pipe()
        for fd in (child_stdout, child_stderr):
            with contextlib.suppress(PermissionError):  # gVisor cannot change the mode of a pipe
                os.fchmod(fd, 0o666)  # lets the program open /dev/stdout and /dev/stderr, as on any machine
        child_fds = [child_stdin, child_stdout, child_stderr]
        self._sinks = {stdout: self._take_stdout, stderr: self._take_stderr}
        if self._functional:
            result, child_result = pipe()
            report, child_report = pipe()
            child_fds += [child_result, child_report]
            self._sinks |= {result: self._take_result, report: self._take_report}
        self.spawn(task, self._task_size, child_fds, job.limits.cpu_s)
        for fd in (task, *child_fds):
            os.close(fd)
        for fd in self._sinks:
            self._watch(fd)

    def _input(self) -> int:
        """Return a descriptor of a sealed file that holds only this test's input."""
        offset, left = self.inputs.sections[self.job.tests[self.position]]
        file = SealedFile()
        while left:
            data = self.inputs.file.read(min(left, _PIECE), offset)
            file.write(data)
            offset += len(data)
            left -= len(data)
        file.seal()
        descriptor = file.open()
        file.close()
        return descriptor

    # -- pipes ---

    def _watch(self, fd: int) -> None:
        self.slot.loop.watch(fd, READABLE, partial(self._readable, fd))

    def _readable(self, fd: int) -> bool:
        """Pass available data to the pipe's sink; return whether there may be more."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self.slot.loop.unwatch(fd)
            return False
        self._sinks[fd](data)
        return True

    def _take_stdout(self, data: bytes) -> None:
        # What a functional program prints does not count, but reading it keeps the program from blocking.
        if not self._functional:
            self._take_output(self._stdout, data)

    def _take_result(self, data: bytes) -> None:
        self._take_output(self._result, data)

    def _take_output(self, output: bytearray, data: bytes) -> None:
        if len(output) + len(data) <= self.job.limits.output:
            output += data
        elif self.reason is None:
            self.kill("output")
            self.reason = "output"

    def _take_stderr(self, data: bytes) -> None:
        if len(self._stderr_head) < _STDERR_HEAD:
            self._stderr_head += data[:_STDERR_HEAD]
        self._stderr += data
        del self._stderr[:-_STDERR_TAIL]

    def _take_report(self, data: bytes) -> None:
        # Only the first report counts; what a program writes after it is dropped.
        self._reports.feed(data[: self._report_room])
        self._report_room = max(0, self._report_room - len(data))

    # -- ends ---

    def drain(self) -> None:
        """Take what is left in the pipes, and close them all.

        No process is left that could write, so data that is not there now never arrives. Neither may the end of the
        pipe: sockets in flight can hold it open until the kernel collects them.
        """
        for fd in self._sinks:
            while self._readable(fd):
                pass
            self.slot.loop.unwatch(fd)
            os.close(fd)

    def child_ended(self, child: ChildExit, cpu_s: float) -> None:
        """Send the test's outcome; start the next test if this one ran to its end."""
        _, wall_s = self.lap()
        status, message = self._result_of(child)
        if status == "done" and cpu_s > self.job.limits.cpu_s:
            status = "cpu"
        if not status:
            self._finish()
            return
        if status == "done":
            output = bytes(self._result if self._functional else self._stdout)
        else:
            output = b""
            message = (message + b"\n" + bytes(self._stderr)).strip()[:MAX_MESSAGE]
        self.send_outcome(status, (cpu_s, wall_s), child.peak, message, output)
        if status != "done" or self.position == len(self.job.tests):
            self._finish()
        elif self.slot.outbox.full:
            self._postponed = True
        else:
            self._start_test()

    def _result_of(self, child: ChildExit) -> tuple[str, bytes]:
        """Return (status, message) of the test that ``child`` ran."""
        if self.reason is None and os.WIFEXITED(child.status):
            code = os.WEXITSTATUS(child.status)
            if not self._functional:
                return interpreter_exit.explain(code, self._stderr_head, bytes(self._stderr))
            if code:
                return "exception", f"exit status {code}".encode()
            try:
                report = self._reports.next()
            except BrokenReport:
                return "signal", b"broke the protocol"
            if isinstance(report, TestEnded):
                return report.status, report.message
        status, message = self.cause(child)
        return status, message.encode()

    def _finish(self) -> None:
        self._task.close()
        self.inputs.release()
        self.ended = True

    def cancel(self) -> None:
        """Stop the job, even if it waits for the host to read."""
        if self._postponed:
            self._postponed = False
            self._finish()
            self.send_end()
        else:
            super().cancel()

    def stop_reading(self) -> None:
        """Let the pipes fill."""
        for fd in self._sinks:
            self.slot.loop.unwatch(fd)

    def start_reading(self) -> None:
        """Read from the pipes again, or start the postponed test."""
        if self._postponed:
            self._postponed = False
            self._start_test()
        elif self.alive:
            for fd in self._sinks:
                self._watch(fd)
