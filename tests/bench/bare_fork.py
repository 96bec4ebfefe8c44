"""A sandbox that isolates nothing: the runners' own code in a bare ``os.fork`` a program. For trusted programs only.

It is the limit that the real sandboxes are measured against, and lets the judge be tested without an engine.
"""

import os
import resource
import select
import signal
import struct
import sys
import time
from collections import deque
from importlib import import_module

from ssd_harness.sandbox.interface import JobEnd, Runner, SlotLost, Status, TestOutcome
from ssd_harness.sandbox.worker import interpreter_exit

_FRAME = struct.Struct("<IIII d")  # test, status, lengths of message and output, CPU seconds
_STATUSES = list(Status)
_PROGRAM_RUNNERS = (Runner.LCB_STDIN, Runner.LCB_FUNCTIONAL)


def runner_module(runner):
    return import_module(f"ssd_harness.sandbox.worker.runners.{runner.value}")


class PipeReport:
    def __init__(self, fd):
        self.fd, self.cpu = fd, time.process_time()

    def loaded(self):
        self.cpu = time.process_time()

    def begin(self, test):
        pass

    def end(self, test, status, output, message):
        now = time.process_time()
        text = message.encode("utf-8", "backslashreplace")
        head = _FRAME.pack(test, _STATUSES.index(Status(status)), len(text), len(output), now - self.cpu)
        data = memoryview(head + text + output)
        while data:
            data = data[os.write(self.fd, data) :]
        self.cpu = now


class ListTests:
    def __init__(self, inputs):
        self.inputs = inputs

    def __len__(self):
        return len(self.inputs)

    def read(self, test):
        return self.inputs[test]


class BareForkSlot:
    def __init__(self, name):
        self.name = name
        self.inputs, self.queue, self.cancelled = {}, deque(), set()
        self.events = iter(())
        self.closed = False

    def load(self, key, inputs):
        self.inputs[key] = list(inputs)

    def drop(self, key):
        del self.inputs[key]

    def submit(self, job_id, job):
        self.queue.append((job_id, job, [self.inputs[job.inputs][test] for test in job.tests]))

    def cancel(self, job_id):
        self.cancelled.add(job_id)

    def receive(self):
        while True:
            if self.closed:
                raise SlotLost("closed", where=self.name)
            event = next(self.events, None)
            if event is not None:
                return event
            self.events = self._run(*self.queue.popleft())

    def close(self):
        self.closed = True

    def _run(self, job_id, job, inputs):
        start = time.monotonic()
        cpu = 0.0
        run = self._run_program if job.runner in _PROGRAM_RUNNERS else self._run_tests
        for outcome in run(job_id, job, inputs):
            cpu += outcome.cpu_s
            yield outcome
            if outcome.status is not Status.DONE or job_id in self.cancelled:
                break
        yield JobEnd(job_id, cpu, time.monotonic() - start, 0, swept=False)

    def _run_program(self, job_id, job, inputs):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            os.setpgid(0, 0)
            report = PipeReport(writer)
            try:
                null = os.open(os.devnull, os.O_RDWR)
                for fd in (0, 1, 2):
                    os.dup2(null, fd)
                _limit_cpu(len(inputs) * job.limits.cpu_s)
                runner_module(job.runner).run(job.program, job.entry, ListTests(inputs), report)
            finally:
                os._exit(0)
        os.close(writer)
        seen = 0
        try:
            for test, status, message, output, cpu in _frames(reader, job.limits.wall_s):
                seen += 1
                yield TestOutcome(job_id, test, Status(status), output, cpu, cpu, 0, message)
        except TimeoutError:
            seen = len(inputs)
            yield TestOutcome(job_id, 0, Status.WALL, b"", 0.0, job.limits.wall_s, 0)
        finally:
            os.close(reader)
            os.kill(pid, signal.SIGKILL)
            _, code, _ = os.wait4(pid, 0)
        if seen < len(inputs):
            over = os.WIFSIGNALED(code) and os.WTERMSIG(code) == signal.SIGXCPU
            status, cpu = (Status.CPU, job.limits.cpu_s) if over else (Status.SIGNAL, 0.0)
            yield TestOutcome(job_id, seen, status, b"", cpu, 0.0, 0, f"wait status {code}")

    def _run_tests(self, job_id, job, inputs):
        for test, data in enumerate(inputs):
            stdin, stdout, stderr, result, report = (os.memfd_create(name) for name in "ioers")
            os.write(stdin, data)
            os.lseek(stdin, 0, os.SEEK_SET)
            if job.runner is Runner.STDIO:
                pid = _start_interpreter(job.program, {stdin: 0, stdout: 1, stderr: 2})
                _limit_cpu(job.limits.cpu_s, pid)
            elif not (pid := os.fork()):
                try:
                    _limit_cpu(job.limits.cpu_s)
                    os.dup2(stdin, 0)
                    os.dup2(stdout, 1)
                    os.dup2(stderr, 2)
                    status, message = runner_module(job.runner).run(job.program, job.entry, result)
                    os.write(report, f"{status}\n{message}".encode())
                finally:
                    os._exit(0)
            _, code, usage = os.wait4(pid, 0)
            status, _, message = _content(report).decode().partition("\n")
            output = _content(stdout if job.runner is Runner.STDIO else result)
            if os.WIFSIGNALED(code):
                status = "cpu" if os.WTERMSIG(code) in (signal.SIGXCPU, signal.SIGKILL) else "signal"
            elif job.runner is Runner.STDIO:
                said = _content(stderr)
                status, text = interpreter_exit.explain(os.waitstatus_to_exitcode(code), said[:64], said[-1000:])
                message = text.decode("utf-8", "replace")
            elif not status:
                status = "exception" if code else "done"
            cpu = usage.ru_utime + usage.ru_stime
            for fd in (stdin, stdout, stderr, result, report):
                os.close(fd)
            yield TestOutcome(job_id, test, Status(status), output, cpu, cpu, usage.ru_maxrss * 1024, message)
            if status != "done":
                return


def _start_interpreter(program, descriptors):
    """Run the program's file in an interpreter of its own; unlike a fork this costs the same however large this process is."""
    file = os.memfd_create("main.py", 0)
    try:
        os.write(file, program)
        moves = [(os.POSIX_SPAWN_DUP2, ours, theirs) for ours, theirs in descriptors.items()]
        command = [sys.executable, "-P", f"/proc/self/fd/{file}"]
        return os.posix_spawn(sys.executable, command, os.environ, file_actions=moves)
    finally:
        os.close(file)


def _limit_cpu(seconds, pid=0):
    """Let the kernel end a process, by default this one, when it has used so much CPU time."""
    resource.prlimit(pid, resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))


def _content(fd):
    size = os.fstat(fd).st_size
    return os.pread(fd, size, 0)


def _frames(fd, timeout):
    data = bytearray()
    while True:
        while len(data) >= _FRAME.size:
            test, status, message_length, length, cpu = _FRAME.unpack_from(data)
            end = _FRAME.size + message_length + length
            if len(data) < end:
                break
            message = data[_FRAME.size : _FRAME.size + message_length].decode()
            yield test, _STATUSES[status], message, bytes(data[end - length : end]), cpu
            del data[:end]
        if not select.select([fd], [], [], timeout)[0]:
            raise TimeoutError
        chunk = os.read(fd, 1 << 20)
        if not chunk:
            return
        data += chunk


class BareForkSandbox:
    name = "bare-fork"

    def __init__(self):
        self.opened = 0
        for runner in Runner:
            if runner is not Runner.STDIO:
                runner_module(runner).prepare()

    def check(self):
        pass

    def open_slot(self, stop=None):
        self.opened += 1
        return BareForkSlot(f"bare-fork-{self.opened}")

    def describe(self):
        return {"name": self.name, "isolation": "none"}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass
