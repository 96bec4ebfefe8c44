"""Run each test in a process of its own: standard input is a file, as in ``python3 main.py < input``, output pipes."""

import contextlib
import os
from functools import partial

from . import interpreter_exit
from .child import encode_task
from .inputs import SealedFile
from .job_execution import Execution, pipe
from .loop import READABLE
from .protocol import MAX_MESSAGE
from .report import BrokenReport, Ended, ReportReader
from .zygote import Exit

_CHUNK = 1 << 16
_PIECE = 1 << 20
_STDERR_HEAD, _STDERR_TAIL = 64, 1000
_REPORT = MAX_MESSAGE + 64
"""More than the longest report of a test's process takes."""


class TestExecution(Execution):
    """A job of a test runner."""

    __test__ = False  # not a pytest class

    def start(self) -> None:
        """Put the program into a sealed file, which every test's process reads, and start the first test."""
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
            self.conclude()

    def _start_test(self) -> None:
        job = self.job
        self._stdout, self._result = bytearray(), bytearray()
        self._stderr, self._stderr_head = bytearray(), b""
        self._reports, self._report_room = ReportReader(0), _REPORT
        task, their_input = self._task.open(), self._input()
        stdout, their_stdout = pipe()
        stderr, their_stderr = pipe()
        for fd in (their_stdout, their_stderr):
            with contextlib.suppress(PermissionError):  # gVisor's pipes have no modes to change
                os.fchmod(fd, 0o666)  # so that /dev/stdout and its like can be opened, as on any machine
        theirs = [their_input, their_stdout, their_stderr]
        self._sinks = {stdout: self._take_stdout, stderr: self._take_stderr}
        if self._functional:
            result, their_result = pipe()
            report, their_report = pipe()
            theirs += [their_result, their_report]
            self._sinks |= {result: self._take_result, report: self._take_report}
        self.spawn(task, self._task_size, theirs, job.limits.cpu_s)
        for fd in (task, *theirs):
            os.close(fd)
        for fd in self._sinks:
            self._watch(fd)

    def _input(self) -> int:
        """Return a descriptor of a sealed file that holds the test's input and nothing else."""
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
        """Hand what is there to the pipe's sink; return whether there may be more right now."""
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
        # What a functional program prints is nobody's business, but reading it keeps the program from blocking.
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
        # One report is all that there is to say; whatever a program writes behind it is not kept.
        self._reports.feed(data[: self._report_room])
        self._report_room = max(0, self._report_room - len(data))

    # -- ends ---

    def drain(self) -> None:
        """Take what is left in the pipes, and close them all.

        Nobody lives who could write, so what is not there now never comes, not even the end: sockets in flight can hold
        a pipe open until the kernel collects them.
        """
        for fd in self._sinks:
            while self._readable(fd):
                pass
            self.slot.loop.unwatch(fd)
            os.close(fd)

    def child_ended(self, ended: Exit, cpu_s: float) -> None:
        """Tell the test's outcome; go on with the next test if it ran to its end."""
        _, wall_s = self.lap()
        status, message = self._verdict(ended)
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
        self.tell(status, (cpu_s, wall_s), ended.peak, message, output)
        if status != "done" or self.position == len(self.job.tests):
            self._finish()
        elif self.slot.outbox.full:
            self._postponed = True
        else:
            self._start_test()

    def _verdict(self, ended: Exit) -> tuple[str, bytes]:
        """Return the status and message of a test whose process is gone."""
        if self.reason is None and os.WIFEXITED(ended.status):
            code = os.WEXITSTATUS(ended.status)
            if not self._functional:
                return interpreter_exit.explain(code, self._stderr_head, bytes(self._stderr))
            if code:
                return "exception", f"exit status {code}".encode()
            try:
                report = self._reports.next()
            except BrokenReport:
                return "signal", b"broke the protocol"
            if isinstance(report, Ended):
                return report.status, report.message
        status, message = self.cause(ended)
        return status, message.encode()

    def _finish(self) -> None:
        self._task.close()
        self.inputs.release()
        self.ended = True

    def cancel(self) -> None:
        """Stop the job, also where it waits for the host to read."""
        if self._postponed:
            self._postponed = False
            self._finish()
            self.conclude()
        else:
            super().cancel()

    def pause(self) -> None:
        """Let the pipes fill."""
        for fd in self._sinks:
            self.slot.loop.unwatch(fd)

    def resume(self) -> None:
        """Read on, or start the test that waited."""
        if self._postponed:
            self._postponed = False
            self._start_test()
        elif self.alive:
            for fd in self._sinks:
                self._watch(fd)
