"""Execute one job: what all runners share, above all the limits and how a child ended."""

import os
import signal
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from math import ceil

from .child import Spawn
from .inputs import Inputs
from .loop import Loop, Outbox
from .meter import Meter
from .protocol import Job, JobEnd, Status, TestOutcome
from .zygote import ChildExit, Zygote, ZygoteError

_SHORTEST_SLEEP_S = 0.001
_KILL_PATIENCE_S = 60.0
_WALL_CHECKS = 4
"""Checks per ``wall_s`` of a program that has a grace, so that one that falls asleep is noticed soon."""
_NEAR_MEMORY_LIMIT = 0.9


@dataclass(frozen=True, slots=True)
class Slot:
    """The parts of the broker that an execution uses."""

    loop: Loop
    outbox: Outbox
    zygote: Zygote
    meter: Meter
    memory: int
    """Memory limit in bytes for all processes of the slot together; 0 if there is none."""


class Execution(ABC):
    """A job from its first fork to its end.

    Times are laps of two clocks outside of the program: the wall clock, and the CPU time of everything in the slot
    except ourselves. The CPU limit needs no polling: with ``cpus`` processors the program cannot reach it before
    ``remaining / cpus`` seconds have passed, so the broker sleeps that long before it checks again.
    """

    def __init__(self, slot: Slot, number: int, job: Job, inputs: Inputs) -> None:
        self.slot, self.number, self.job, self.inputs = slot, number, job, inputs
        self.ended = False
        self.position = 0
        """The running test, as a position in ``job.tests``."""
        self.reason: str | None = None
        """Why we killed the child: a status, or "" if no outcome is due (the job was cancelled, or all were sent)."""
        self.message = ""
        self.alive = False
        self.paused_at: float | None = None
        self._began = time.monotonic()
        self._total = JobEnd(number, 0.0, 0.0, 0, swept=False)
        self._cpu_mark = self._wall_mark = self._spawn_mark = 0.0
        self._kills_before = 0
        self._check_at: float | None = None
        # With a grace, wall time is checked several times, the last time at its end.
        self._wall_check_s = job.limits.wall_s / _WALL_CHECKS if job.limits.grace_s else job.limits.wall_s
        self._wall_at = self._wall_end = self._wall_check_cpu = 0.0

    @abstractmethod
    def start(self) -> None:
        """Fork the first child."""

    @abstractmethod
    def drain(self) -> None:
        """Read what is left in the pipes of an exited child, and close them."""

    @abstractmethod
    def child_ended(self, child: ChildExit, cpu_s: float) -> None:
        """Send the outcome if it is still due, then continue or set :attr:`ended`; ``cpu_s`` is since the last lap."""

    @abstractmethod
    def stop_reading(self) -> None:
        """Stop reading from the program: the host does not keep up."""

    @abstractmethod
    def start_reading(self) -> None:
        """Read from the program again."""

    def pause(self) -> None:
        """Make the program wait for the host; its wall clock stops meanwhile."""
        self.paused_at = time.monotonic()
        self.stop_reading()

    def resume(self) -> None:
        """Let the program continue."""
        assert self.paused_at is not None
        waited = time.monotonic() - self.paused_at
        self._wall_mark += waited
        self._wall_at += waited
        self._wall_end += waited
        self.paused_at = None
        self.start_reading()

    # -- children ---

    def spawn(self, task: int, task_size: int, fds: list[int], cpu_limit_s: float) -> None:
        """Fork one child; ``cpu_limit_s`` sets the kernel's CPU limit, a backstop for ours."""
        job = self.job
        # Slightly above our own limit, so that ours decides.
        backstop = ceil(cpu_limit_s) + 1
        spawn = Spawn(job.runner, backstop, job.limits.memory, job.limits.processes, task_size)
        self._kills_before = self.slot.meter.memory_kills()
        self.reason = None
        self.lap()
        self._spawn_mark = self._cpu_mark
        self.slot.zygote.spawn(spawn, [task, *fds])
        self.alive = True

    def lap(self) -> tuple[float, float]:
        """Return (CPU, wall) seconds since the last lap, and start the next lap with full limits."""
        now, cpu = time.monotonic(), self.slot.meter.cpu_s()
        elapsed = max(0.0, cpu - self._cpu_mark), now - self._wall_mark
        self._cpu_mark, self._wall_mark, self._wall_check_cpu = cpu, now, cpu
        self._wall_at = now + self._wall_check_s
        self._wall_end = now + self.job.limits.wall_s + self.job.limits.grace_s
        self._check_at = now + self._shortest_time(self.job.limits.cpu_s)
        return elapsed

    def finish_by(self, seconds: float) -> None:
        """Give a child that has reported everything ``seconds`` to exit before it is killed."""
        self._check_at = None
        self._wall_at = self._wall_end = time.monotonic() + seconds

    def kill(self, reason: str) -> None:
        """Kill the child because of ``reason``; only the first call counts."""
        if self.alive and self.reason is None:
            self.reason = reason
            self.finish_by(_KILL_PATIENCE_S)
            self.slot.zygote.kill()

    def cancel(self) -> None:
        """Stop the job; no further outcome is sent."""
        self.kill("")

    # -- limits ---

    @property
    def deadline(self) -> float | None:
        """When :meth:`check` must be called next."""
        if not self.alive:
            return None
        wall_at = None if self.paused_at is not None else self._wall_at
        return min((deadline for deadline in (self._check_at, wall_at) if deadline is not None), default=None)

    def check(self) -> None:
        """Enforce the limits whose deadlines have passed."""
        now = time.monotonic()
        if not self.alive:
            return
        if self._check_at is not None and now >= self._check_at:
            remaining = self.job.limits.cpu_s - (self.slot.meter.cpu_s() - self._cpu_mark)
            if remaining <= 0:
                self.kill("cpu")
            else:
                self._check_at = now + self._shortest_time(remaining)
        if now >= self._wall_at and self.paused_at is None:
            if self.reason is not None:
                raise ZygoteError("a killed program does not end")
            if now < self._wall_end and self._may_continue(now):
                self._wall_at = min(now + self._wall_check_s, self._wall_end)
            else:
                self.kill(self.wall_reason)

    def _may_continue(self, now: float) -> bool:
        """Whether the program is within its wall time, or works at the pace that the grace requires."""
        limits, cpu = self.job.limits, self.slot.meter.cpu_s()
        used, self._wall_check_cpu = cpu - self._wall_check_cpu, cpu
        # At this pace it uses up the CPU limit within one wall limit, so it ends before the grace does.
        return now < self._wall_mark + limits.wall_s or used >= limits.cpu_s / _WALL_CHECKS

    wall_reason = "wall"
    """The status of a child that is killed at its wall deadline."""

    def _shortest_time(self, remaining: float) -> float:
        """Return the wall time that the program needs at least to use ``remaining`` CPU seconds."""
        return max(remaining / self.slot.meter.cpus, _SHORTEST_SLEEP_S)

    # -- ends ---

    def child_exited(self) -> None:
        """Receive the child's exit from the zygote and account for it."""
        child = self.slot.zygote.receive_exit()
        if not child.clean:
            raise ZygoteError("a program left processes that cannot be killed")
        self.alive = False
        self.drain()
        metered = self.slot.meter.cpu_s()
        child_cpu_s = max(metered - self._spawn_mark, child.cpu_s)
        total = self._total
        self._total = replace(
            total, cpu_s=total.cpu_s + child_cpu_s, peak=max(total.peak, child.peak), swept=total.swept or child.swept
        )
        # Where only living processes can be metered, the last lap is what the earlier laps do not account for.
        earlier_laps = self._cpu_mark - self._spawn_mark
        self.child_ended(child, max(metered - self._cpu_mark, child.cpu_s - earlier_laps))
        if self.ended:
            self.send_end()

    def send_end(self) -> None:
        """Send the job's end."""
        self.slot.outbox.put(replace(self._total, wall_s=time.monotonic() - self._began).frame())

    def send_outcome(self, status: str, lap: tuple[float, float], peak: int, message: bytes, output: bytes) -> None:
        """Send the outcome of the test at :attr:`position` with its lap, and advance to the next test."""
        test, text = self.job.tests[self.position], message.decode("utf-8", "backslashreplace")
        outcome = TestOutcome(self.number, test, Status(status), output, *lap, peak, text)
        self.slot.outbox.put(*outcome.frame())
        self.position += 1

    def cause(self, child: ChildExit) -> tuple[str, str]:
        """Return (status, message) for a child that ended without reporting why."""
        if self.reason is not None:
            return self.reason, self.message
        code = os.waitstatus_to_exitcode(child.status)
        if self.slot.meter.memory_kills() > self._kills_before:
            return "memory", "killed: out of memory"
        if code == -signal.SIGXCPU:
            return "cpu", ""
        slot_full = self.slot.memory and child.peaks > _NEAR_MEMORY_LIMIT * self.slot.memory
        if code == -signal.SIGKILL and (slot_full or child.peak > _NEAR_MEMORY_LIMIT * self.job.limits.memory):
            return "memory", "killed: out of memory"
        if code < 0:
            return "signal", f"killed by {_signal_name(-code)}"
        return "signal", f"exited with status {code} in the middle"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def pipe() -> tuple[int, int]:
    """Return (reading end, writing end) of a pipe whose reading end never blocks the broker."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reading, False)
    return reading, writing
