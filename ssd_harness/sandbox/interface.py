"""The protocols of a sandbox, which takes jobs and returns raw outcomes, without expected outputs or verdicts.

Jobs, limits and outcomes are defined once, in :mod:`ssd_harness.sandbox.worker.protocol`, because the worker runs where
no other module of this package is available.
"""

import os
from collections.abc import Sequence
from threading import Event
from typing import Any, Protocol, Self, runtime_checkable

from ssd_harness.errors import InfrastructureError
from ssd_harness.sandbox.worker.protocol import Job, JobEnd, Limits, Runner, Status, TestOutcome

__all__ = [
    "BuildsImage",
    "ImageMissing",
    "Job",
    "JobEnd",
    "Limits",
    "Runner",
    "Sandbox",
    "Slot",
    "SlotLost",
    "Status",
    "TestOutcome",
    "chosen_sandbox",
]

SANDBOX_VARIABLE = "SSD_HARNESS_SANDBOX"
DEFAULT_SANDBOX = "docker"


def chosen_sandbox(name: str = "") -> str:
    """Return ``name``, else the value of ``SSD_HARNESS_SANDBOX``, else ``docker``."""
    return name or os.environ.get(SANDBOX_VARIABLE) or DEFAULT_SANDBOX


class SlotLost(InfrastructureError):
    """The slot died during a job (container killed, engine gone, not clean after a sweep): run the job elsewhere."""


class ImageMissing(InfrastructureError):
    """Only the image or root file system is missing, and it can be built here; raised by :meth:`Sandbox.check`."""


class Slot(Protocol):
    """One isolated place that runs one program at a time, in the order of submission; not thread-safe."""

    name: str

    def load(self, number: int, inputs: Sequence[bytes]) -> None:
        """Send a problem's inputs once; jobs refer to them by ``number``, which the caller chooses."""

    def drop(self, number: int) -> None:
        """Forget the inputs; jobs that are already submitted still see them."""

    def submit(self, job_id: int, job: Job) -> None:
        """Queue a job without waiting; keep a few queued, not hundreds."""

    def cancel(self, job_id: int) -> None:
        """Stop the job if it runs, skip it if it is queued; its :class:`JobEnd` still comes."""

    def receive(self) -> TestOutcome | JobEnd:
        """Wait for the next event: a job's outcomes in test order, then its end. Raises :class:`SlotLost`."""

    def close(self) -> None:
        """Destroy the slot and everything that runs in it; never raises."""


class Sandbox(Protocol):
    """Opens slots. Use as a context manager: leaving it closes every slot that it opened."""

    name: str

    def check(self) -> None:
        """Raise a one-line :class:`SsdError` if no slot can be opened here (engine, image, permissions)."""

    def open_slot(self, stop: Event | None = None) -> Slot:
        """Open one slot (0.2-0.5 s with Docker); block while all slots of the host are leased.

        Raises :class:`SlotLost` if ``stop`` is set meanwhile.
        """

    def describe(self) -> dict[str, Any]:
        """Return provenance: sandbox name, isolation in words, image id and fingerprint, runtime, limits."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


@runtime_checkable
class BuildsImage(Protocol):
    """A sandbox that needs an image or a root file system."""

    def build(self, *, fresh: bool = False) -> str:
        """Build it and return its id; ``fresh`` ignores earlier builds."""

    def prune(self, *, everything: bool = False) -> list[str]:
        """Remove what other versions have built, with ``everything`` this version's too; return what was removed."""
