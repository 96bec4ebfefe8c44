"""Submit programs to one slot and receive their outcomes; used by the parallel workers and the serial re-judge."""

from dataclasses import dataclass
from threading import Event

from ssd_harness.errors import SsdError
from ssd_harness.judge.loaded_tests import LoadedTests
from ssd_harness.judge.trial import Trial
from ssd_harness.judge.work_queue import WorkItem
from ssd_harness.sandbox.interface import JobEnd, Sandbox, Slot, SlotLost

_OPEN_RETRIES_S = (0.2, 0.5, 1, 2, 4, 8, 15, 30)
"""Waits between attempts to open a slot; together they are long enough for an engine to restart."""


@dataclass(slots=True)
class Run:
    """One run of a program in a slot."""

    item: WorkItem
    trial: Trial
    """Collects the outcomes of the tests and decides the verdict."""


class SlotSession:
    """Submits runs to a slot and passes its outcomes to their trials; not thread-safe."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.runs: dict[int, Run] = {}
        """Submitted runs by job number, in the order in which the slot executes them."""
        self.submitted = 0
        """Number of the last submitted job."""

    def submit(self, run: Run, tests: LoadedTests) -> None:
        """Queue ``run`` in the slot. Raises :class:`SlotLost`; the run is then in :attr:`runs` as well."""
        self.submitted += 1
        self.runs[self.submitted] = run
        self.slot.submit(self.submitted, tests.job(run.item.program.code))

    def receive(self) -> tuple[Run, JobEnd] | None:
        """Handle one event; return the run that it ended, if any. Raises :class:`SlotLost`."""
        event = self.slot.receive()
        run = self.runs.get(event.job)
        if run is None:
            raise SlotLost("the slot reported an unknown job", where=self.slot.name)
        if not isinstance(event, JobEnd):
            if run.trial.take(event):  # a test took too long
                self.slot.cancel(event.job)
            return None
        if not run.trial.complete:
            raise SlotLost("the slot ended a job without all of its outcomes", where=self.slot.name)
        del self.runs[event.job]
        return run, event

    def should_yield(self, served: int) -> bool:
        """Whether to release this slot to another ssd-harness run; ``served`` programs have run in it.

        A sandbox of a plugin may open slots without the method ``give_way``; such a slot is kept.
        """
        give_way = getattr(self.slot, "give_way", None)
        return bool(served and give_way and give_way(served))


def open_session(sandbox: Sandbox, stop: Event, *, retry: bool) -> SlotSession:
    """Open a slot. With ``retry``, an engine that is restarting gets a minute before the error is raised."""
    for wait in _OPEN_RETRIES_S if retry else ():
        try:
            return SlotSession(sandbox.open_slot(stop))
        except SsdError:
            if stop.wait(wait):
                raise
    return SlotSession(sandbox.open_slot(stop))
