"""What a sandbox takes and gives: jobs in, raw outcomes out. It knows neither expected outputs nor verdicts."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event
from typing import Any, Protocol, Self, runtime_checkable

from ssd_harness.errors import InfrastructureError

SANDBOX_VARIABLE = "SSD_HARNESS_SANDBOX"
DEFAULT_SANDBOX = "docker"


def chosen_sandbox(name: str = "") -> str:
    """Return ``name``, else the value of ``SSD_HARNESS_SANDBOX``, else ``docker``."""
    return name or os.environ.get(SANDBOX_VARIABLE) or DEFAULT_SANDBOX


class Runner(StrEnum):
    """How the worker executes a program; each is a module of ``sandbox/worker/runners``."""

    LCB_STDIN = "lcb_stdin"
    """Official semantics: one function body called once per test in one process, standard input mocked."""
    LCB_FUNCTIONAL = "lcb_functional"
    """Official semantics: loaded once, one shared ``Solution()`` called once per test in one process."""
    STDIO = "stdio"
    """The interpreter runs the file, in a process of its own for every test."""
    STDIO_FUNCTIONAL = "stdio_functional"
    """A fresh process and a fresh ``Solution()`` per test."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one program. Times are seconds, sizes bytes."""

    cpu_s: float = 6.0
    """CPU time of one test, and of loading the program."""
    wall_s: float = 30.0
    """Backstop: wall time of one test; CPU time is what decides."""
    grace_s: float = 0.0
    """Wall time on top of ``wall_s``, as long as the program uses up ``cpu_s`` at a pace of once in ``wall_s``: for one
    that is short of processors, and not for one that sleeps."""
    memory: int = 4 << 30
    """Address space of one process; the slot's own memory limit bounds all of them together."""
    output: int = 16 << 20
    """What one test may print."""
    processes: int = 128
    """Processes and threads of the program at any one time."""


@dataclass(frozen=True, slots=True)
class Job:
    """One program and the tests to run it on, in order."""

    program: bytes
    """Python source."""
    runner: Runner
    """How to execute it."""
    inputs_key: str
    """Names a sequence of inputs that :meth:`Slot.load` put into the slot."""
    tests: Sequence[int]
    """Indices into those inputs, in the order to run them."""
    entry: str = ""
    """The function or method to call; empty for programs that read standard input."""
    limits: Limits = field(default_factory=Limits)
    """Bounds on the program."""


class Status(StrEnum):
    """How one test ended, before anybody compared its output. A job ends at its first test that is not DONE."""

    DONE = "done"
    """Ran to its end; ``output`` is complete."""
    EXCEPTION = "exception"
    """An exception escaped, or a non-zero exit status."""
    COMPILE = "compile"
    """The program does not parse."""
    LOAD = "load"
    """It parses but fails to load, or lacks the function to call: no test was run."""
    CPU = "cpu"
    """Used more CPU time than the limit."""
    WALL = "wall"
    """Took longer than the limit."""
    MEMORY = "memory"
    """Needed more memory than the limit."""
    OUTPUT = "output"
    """Printed more than the limit."""
    SIGNAL = "signal"
    """Killed by a signal that nobody of ours sent, or gone without a word."""


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """One test's raw outcome. All content comes from a hostile program; times are measured outside of it."""

    __test__ = False  # not a pytest class

    job: int
    """The number that the job was submitted with."""
    test: int
    """The test's index into the inputs."""
    status: Status
    """How it ended."""
    output: bytes
    """Standard output (stdin runners) or the tagged JSON of the returned value (functional runners)."""
    cpu_s: float
    """CPU time in seconds."""
    wall_s: float
    """Wall time in seconds."""
    peak: int
    """Peak resident memory so far, in bytes; 0 while only the job's end can tell."""
    message: str = ""
    """Exception text or exit status, cut by the worker; never trusted, only shown."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """The job is over and the slot is swept clean; sent exactly once a job, also after a cancel."""

    job: int
    """The number that the job was submitted with."""
    cpu_s: float
    """CPU seconds of the program and all its descendants over the whole job, measured from outside."""
    wall_s: float
    """Wall time of the whole job in seconds."""
    peak: int
    """Peak resident memory of the job in bytes."""
    swept: bool
    """Whether stragglers had to be killed."""


class SlotLost(InfrastructureError):
    """The slot died under a job (container killed, engine gone, not clean after a sweep): run the job elsewhere."""


class ImageMissing(InfrastructureError):
    """What :meth:`Sandbox.check` raises when only the image or root file system is missing: it can be built here."""


class Slot(Protocol):
    """One isolated place that runs one program at a time, in order of submission; not thread-safe."""

    name: str

    def load(self, key: str, inputs: Sequence[bytes]) -> None:
        """Send a problem's inputs once; jobs refer to them by ``key``."""

    def drop(self, key: str) -> None:
        """Forget the inputs; jobs that are already submitted still see them."""

    def submit(self, job_id: int, job: Job) -> None:
        """Queue a job without waiting (pipelining: keep a few queued, not hundreds)."""

    def cancel(self, job_id: int) -> None:
        """Stop the job now if it runs, skip it if it is queued; its :class:`JobEnd` still comes."""

    def receive(self) -> TestOutcome | JobEnd:
        """Wait for the next event; outcomes of a job come in test order, then its end. Raises :class:`SlotLost`."""

    def close(self) -> None:
        """Destroy the slot and everything that runs in it; never raises."""


class Sandbox(Protocol):
    """Opens slots. Use as a context manager: leaving it closes every slot it opened."""

    name: str

    def check(self) -> None:
        """Raise a one-line :class:`SsdError` if no slot can be opened here (engine, image, rights)."""

    def open_slot(self, stop: Event | None = None) -> Slot:
        """Open one slot (0.2-0.5 s with Docker); blocks while all of the host's slots are leased.

        Raises :class:`SlotLost` if ``stop`` is set meanwhile: nobody needs the slot any more.
        """

    def describe(self) -> dict[str, Any]:
        """Provenance: sandbox name, isolation in words, image id and fingerprint, runtime, limits."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


@runtime_checkable
class BuildsImage(Protocol):
    """A sandbox that needs an image or a root file system."""

    def build(self, *, fresh: bool = False) -> str:
        """Build it and return its id; ``fresh`` ignores earlier builds."""

    def prune(self, *, everything: bool = False) -> list[str]:
        """Remove what other versions have built, with ``everything`` this version's too; return what was removed."""
