"""One job being executed: what all runners have in common, above all limits and how a child ended."""

import os
import signal
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import ceil

from .child import Spawn
from .inputs import Inputs
from .loop import Loop, Outbox
from .meter import Meter
from .protocol import Job, JobEnd, Status, TestOutcome
from .zygote import Exit, Failed, Zygote

_SHORTEST_SLEEP_S = 0.001
_KILL_PATIENCE_S = 60.0
_GLANCES = 4
"""How often in ``wall_s`` a program with a grace is looked at, so that one that fell asleep is noticed soon."""
_NEAR_MEMORY_LIMIT = 0.9


@dataclass(frozen=True, slots=True)
class Slot:
    """The parts of the broker that an execution works with."""

    loop: Loop
    outbox: Outbox
    zygote: Zygote
    meter: Meter
    memory: int
    """Bytes that all processes of the slot together may have; 0 if nothing bounds them."""


class Execution(ABC):
    """A job from its first fork to its end.

    Times are laps of two clocks outside of the program: CPU of everything in the slot but ourselves, and wall. The
    CPU limit needs no polling: with ``cpus`` processors the program cannot reach it before ``remaining / cpus``
    seconds have passed, so that is how long the broker sleeps before it looks again.
    """

    def __init__(self, slot: Slot, number: int, job: Job, inputs: Inputs) -> None:
        self.slot, self.number, self.job, self.inputs = slot, number, job, inputs
        self.ended = False
        self.position = 0
        """The test that is running, as a position in ``job.tests``."""
        self.reason: str | None = None
        """Why we killed the child: a status, or "" where no outcome is to be told (cancelled, or all told already)."""
        self.message = ""
        self.alive = False
        self.paused_at: float | None = None
        self._began = time.monotonic()
        self._total = JobEnd(number, 0.0, 0.0, 0, swept=False)
        self._cpu_mark = self._wall_mark = self._spawn_mark = 0.0
        self._kills_before = 0
        self._check_at: float | None = None
        # With a grace, wall time is looked at in several glances, the last of them at its end.
        self._glance_s = job.limits.wall_s / _GLANCES if job.limits.grace_s else job.limits.wall_s
        self._wall_at = self._wall_end = self._glance_mark = 0.0

    @abstractmethod
    def start(self) -> None:
        """Fork the first child."""

    @abstractmethod
    def drain(self) -> None:
        """Read what is left in the pipes of a child that is gone, and close them."""

    @abstractmethod
    def child_ended(self, ended: Exit, cpu_s: float) -> None:
        """Tell the outcome if it is still due, and go on or set :attr:`ended`; ``cpu_s`` is since the last lap."""

    @abstractmethod
    def pause(self) -> None:
        """Stop reading from the program: the host does not keep up."""

    @abstractmethod
    def resume(self) -> None:
        """Go on reading."""

    def hold(self) -> None:
        """Make the program wait for the host; its wall clock stands still meanwhile."""
        self.paused_at = time.monotonic()
        self.pause()

    def release_hold(self) -> None:
        """Let it go on."""
        assert self.paused_at is not None
        waited = time.monotonic() - self.paused_at
        self._wall_mark += waited
        self._wall_at += waited
        self._wall_end += waited
        self.paused_at = None
        self.resume()

    # -- children ---

    def spawn(self, task: int, task_size: int, fds: list[int], cpu_limit_s: float) -> None:
        """Fork one child; ``cpu_limit_s`` sets the kernel's own limit, a backstop behind ours."""
        job = self.job
        # A little more than our own limit, so that ours decides.
        backstop = ceil(cpu_limit_s) + 1
        spawn = Spawn(job.runner, backstop, job.limits.memory, job.limits.processes, task_size)
        self._kills_before = self.slot.meter.memory_kills()
        self.reason = None
        self.lap()
        self._spawn_mark = self._cpu_mark
        self.slot.zygote.spawn(spawn, [task, *fds])
        self.alive = True

    def lap(self) -> tuple[float, float]:
        """Return (CPU, wall) seconds since the last lap, and begin the next one with full limits."""
        now, cpu = time.monotonic(), self.slot.meter.cpu_s()
        passed = max(0.0, cpu - self._cpu_mark), now - self._wall_mark
        self._cpu_mark, self._wall_mark, self._glance_mark = cpu, now, cpu
        self._wall_at = now + self._glance_s
        self._wall_end = now + self.job.limits.wall_s + self.job.limits.grace_s
        self._check_at = now + self._soonest(self.job.limits.cpu_s)
        return passed

    def finish_by(self, seconds: float) -> None:
        """Give a child that has told everything a moment to exit before it is killed."""
        self._check_at = None
        self._wall_at = self._wall_end = time.monotonic() + seconds

    def kill(self, reason: str) -> None:
        """Kill the child, for good reason; only the first one counts."""
        if self.alive and self.reason is None:
            self.reason = reason
            self.finish_by(_KILL_PATIENCE_S)
            self.slot.zygote.kill()

    def cancel(self) -> None:
        """Stop the job without another outcome."""
        self.kill("")

    # -- limits ---

    @property
    def deadline(self) -> float | None:
        """When :meth:`check` wants to be called next."""
        if not self.alive:
            return None
        wall_at = None if self.paused_at is not None else self._wall_at
        return min((moment for moment in (self._check_at, wall_at) if moment is not None), default=None)

    def check(self) -> None:
        """Enforce the limits that are due."""
        now = time.monotonic()
        if not self.alive:
            return
        if self._check_at is not None and now >= self._check_at:
            remaining = self.job.limits.cpu_s - (self.slot.meter.cpu_s() - self._cpu_mark)
            if remaining <= 0:
                self.kill("cpu")
            else:
                self._check_at = now + self._soonest(remaining)
        if now >= self._wall_at and self.paused_at is None:
            if self.reason is not None:
                raise Failed("a killed program does not end")
            if now < self._wall_end and self._may_go_on(now):
                self._wall_at = min(now + self._glance_s, self._wall_end)
            else:
                self.kill(self.wall_reason)

    def _may_go_on(self, now: float) -> bool:
        """Tell, at a glance, a program that is within its wall time or at work from one that sleeps past it."""
        limits, cpu = self.job.limits, self.slot.meter.cpu_s()
        used, self._glance_mark = cpu - self._glance_mark, cpu
        # The pace that uses up the CPU limit within the wall limit: past that, it is over by the end of the grace.
        return now < self._wall_mark + limits.wall_s or used >= limits.cpu_s / _GLANCES

    wall_reason = "wall"
    """The status of a child that is killed at its wall deadline."""

    def _soonest(self, remaining: float) -> float:
        return max(remaining / self.slot.meter.cpus, _SHORTEST_SLEEP_S)

    # -- ends ---

    def zygote_says(self) -> None:
        """Take the child's exit from the zygote."""
        ended = self.slot.zygote.exit()
        if not ended.clean:
            raise Failed("a program left processes that cannot be killed")
        self.alive = False
        self.drain()
        metered = self.slot.meter.cpu_s()
        whole = max(metered - self._spawn_mark, ended.cpu_s)
        total = self._total
        self._total = total._replace(
            cpu_s=total.cpu_s + whole, peak=max(total.peak, ended.peak), swept=total.swept or ended.swept
        )
        # Where only living processes can be metered, the last lap is what the others do not account for.
        told = self._cpu_mark - self._spawn_mark
        self.child_ended(ended, max(metered - self._cpu_mark, ended.cpu_s - told))
        if self.ended:
            self.conclude()

    def conclude(self) -> None:
        """Send the job's end."""
        self.slot.outbox.put(self._total._replace(wall_s=time.monotonic() - self._began).frame())

    def tell(self, status: str, lap: tuple[float, float], peak: int, message: bytes, output: bytes) -> None:
        """Send the outcome of the test at :attr:`position`, with its lap, and move on to the next position."""
        test, text = self.job.tests[self.position], message.decode("utf-8", "backslashreplace")
        outcome = TestOutcome(self.number, test, Status(status), output, *lap, peak, text)
        self.slot.outbox.put(*outcome.frame())
        self.position += 1

    def cause(self, ended: Exit) -> tuple[str, str]:
        """Say why a child ended that did not tell it itself, as (status, message)."""
        if self.reason is not None:
            return self.reason, self.message
        code = os.waitstatus_to_exitcode(ended.status)
        if self.slot.meter.memory_kills() > self._kills_before:
            return "memory", "killed: out of memory"
        if code == -signal.SIGXCPU:
            return "cpu", ""
        together = self.slot.memory and ended.peaks > _NEAR_MEMORY_LIMIT * self.slot.memory
        if code == -signal.SIGKILL and (together or ended.peak > _NEAR_MEMORY_LIMIT * self.job.limits.memory):
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
    """Return a pipe whose reading end never blocks the broker."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reading, False)
    return reading, writing
