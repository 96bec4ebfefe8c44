"""Keep one slot busy: jobs queued ahead, outputs compared while the next program already runs."""

from contextlib import closing
from dataclasses import dataclass, field, replace
from threading import Event, Thread
from typing import Protocol

from ssd_harness.errors import SsdError
from ssd_harness.judge.loaded_tests import LoadedTests, TestLoader, UnusableTestsError
from ssd_harness.judge.trial import Trial
from ssd_harness.judge.verdicts import MAX_MESSAGE, ProgramVerdict, Verdict
from ssd_harness.judge.work_queue import Board, Group, Task
from ssd_harness.printable import printable
from ssd_harness.sandbox.interface import JobEnd, Sandbox, Slot, SlotLost

AHEAD = 3
"""Jobs in a slot at a time: one runs, the others wait there, so that the slot never waits for us."""
_TAIL = 12
"""So near the end nothing waits in a slot: another slot may be idle."""
_LOSSES = 2
"""Losses after which a program is looked at alone."""
_FAILED_LOADS = 3
_PATIENCE_S = (0.2, 0.5, 1, 2, 4, 8, 15, 30)
"""Waits between attempts to open a slot: long enough for an engine to be restarted."""


class Outbox(Protocol):
    """Where a worker reports; called from its own thread."""

    def decided(self, task: Task, verdict: ProgramVerdict) -> None:
        """Deliver a final verdict."""

    def alone(self, task: Task) -> None:
        """Ask for the program to be run alone, later."""

    def stopped(self, error: BaseException | None) -> None:
        """Say that this worker does nothing more."""


@dataclass(slots=True)
class InFlight:
    """A submitted job."""

    task: Task
    trial: Trial


@dataclass(slots=True)
class Session:
    """What a worker has going on in one slot."""

    slot: Slot
    group: Group | None = None
    tests: LoadedTests | None = None
    jobs: dict[int, InFlight] = field(default_factory=dict)
    """By job number, in the order that the slot runs them."""
    submitted: int = 0
    giving_way: bool = False
    """Whether the slot is closed after its jobs, for another run."""


class SlotWorker(Thread):
    """One thread that judges in one slot until the board is empty, replacing the slot when it is lost."""

    def __init__(
        self, sandbox: Sandbox, board: Board, loader: TestLoader, outbox: Outbox, *, stop: Event, opened: Event
    ) -> None:
        """Take what all workers of a batch share; ``opened`` is set once any of them has had a slot."""
        super().__init__(daemon=True)
        self._sandbox, self._board, self._loader, self._outbox, self._stop_asked = sandbox, board, loader, outbox, stop
        self._slot: Slot | None = None
        self._opened = opened

    def run(self) -> None:
        """Judge; report the reason if it ends before the work does."""
        error: BaseException | None = None
        try:
            while not self._stop_asked.is_set() and len(self._board) and self._one_slot():
                pass
        except BaseException as caught:  # noqa: BLE001 - the scheduler raises it in the caller's thread
            error = caught
        self._outbox.stopped(error)

    def abort(self) -> None:
        """Take the slot away from under the worker, from another thread."""
        slot = self._slot
        if slot is not None:
            slot.close()

    def _one_slot(self) -> bool:
        """Judge in one slot; return whether it was lost or given to another run, so that another is needed."""
        with closing(open_slot(self._sandbox, self._stop_asked, patient=self._opened.is_set())) as slot:
            self._opened.set()
            self._slot = slot
            session = Session(slot)
            try:
                while not self._stop_asked.is_set():
                    self._fill(session)
                    if not session.jobs:
                        return session.giving_way
                    self._receive(session)
            except SsdError:  # SlotLost, or whatever else a dying engine makes of it
                self._give_back(session)
                return True
            finally:
                self._slot = None
        return False

    def _fill(self, session: Session) -> None:
        """Submit until enough jobs wait in the slot, or none is left."""
        session.giving_way = session.giving_way or gives_way(session.slot, session.submitted)
        if session.giving_way:
            return
        ahead = AHEAD if len(self._board) > _TAIL else 1
        while len(session.jobs) < ahead and (taken := self._board.take(session.group)):
            group, task = taken
            if group is not session.group and not self._enter(session, group, task):
                continue
            tests = session.tests
            assert tests is not None
            session.submitted += 1
            trial = Trial(task.program, tests.expected, tests.checker, tests.limits)
            session.jobs[session.submitted] = InFlight(task, trial)
            session.slot.submit(session.submitted, tests.job(task.program.code))

    def _enter(self, session: Session, group: Group, task: Task) -> bool:
        """Bring the problem's inputs into the slot; return whether its programs can be judged."""
        previous, session.group, session.tests = session.tests, None, None
        try:
            if previous is not None:
                session.slot.drop(previous.key)
            session.tests = self._loader.load(group.question_id, session.slot)
        except UnusableTestsError as error:
            self._refuse(group, task, str(error))
            return False
        except SsdError as error:
            group.failed_loads += 1
            if group.failed_loads < _FAILED_LOADS:
                self._board.put_back(task)
            else:
                self._refuse(group, task, f"slot lost {_FAILED_LOADS} times while its inputs were sent: {error}")
            raise
        session.group = group
        return True

    def _refuse(self, group: Group, task: Task, reason: str) -> None:
        """Give internal errors to all programs of a problem that cannot be judged."""
        for each in [task, *self._board.discard(group)]:
            self._outbox.decided(each, internal_error(each, reason))

    def _receive(self, session: Session) -> None:
        """Handle one event of the slot."""
        event = session.slot.receive()
        flight = session.jobs.get(event.job)
        if flight is None:
            raise SlotLost("the slot spoke of an unknown job", where=session.slot.name)
        if not isinstance(event, JobEnd):
            if flight.trial.take(event):
                session.slot.cancel(event.job)
            return
        if not flight.trial.complete:
            raise SlotLost("the slot ended a job without its outcomes", where=session.slot.name)
        del session.jobs[event.job]
        try:
            self._fill(session)  # before the comparison, whose time no program shall measure
        finally:
            settle(flight, event, self._outbox)

    def _give_back(self, session: Session) -> None:
        """Sort out what was in a lost slot: only the program that ran can be to blame."""
        running = True
        for flight in session.jobs.values():
            if flight.trial.complete:
                settle(flight, None, self._outbox)
                continue
            task = flight.task
            keep_wrong_answer(task, flight.trial, None)
            if running:
                task.losses += 1
                task.reruns += 1
                running = False
            if task.losses >= _LOSSES:
                self._outbox.alone(task)
            else:
                self._board.put_back(task)


def gives_way(slot: Slot, served: int) -> bool:
    """Say whether another run waits for ``slot``, in which ``served`` programs ran; a plugin's slot may not know."""
    asked = getattr(slot, "give_way", None)
    return bool(served and asked and asked(served))


def settle(flight: InFlight, end: JobEnd | None, outbox: Outbox) -> None:
    """Deliver a decided program, or ask for a second look where time may have decided.

    A wrong answer stands, whatever a second look says. Where a test took long enough for one, the program gets it all
    the same: otherwise it would learn from it that its answers were right so far. A comparison that fails, which is a
    fault of ours, brings no second look: it depends on what was expected.
    """
    task, trial = flight.task, flight.trial
    trial.compare()
    if trial.overtime:
        keep_wrong_answer(task, trial, end)
        task.reruns += 1
        outbox.alone(task)
    else:
        outbox.decided(task, final_verdict(task, trial, end))


def keep_wrong_answer(task: Task, trial: Trial, end: JobEnd | None) -> None:
    """Note a failure that another run must not undo: one that is neither a matter of time nor a fault of ours."""
    trial.compare()
    if task.verdict is None and trial.decision not in (None, Verdict.AC, Verdict.IE) and not trial.in_doubt:
        task.verdict = trial.verdict(end, task.reruns)


def final_verdict(task: Task, trial: Trial, end: JobEnd | None) -> ProgramVerdict:
    """Return what an earlier run has decided for good, else what this one decides."""
    trial.compare()
    if task.verdict is not None:
        return replace(task.verdict, reruns=task.reruns)
    return trial.verdict(end, task.reruns)


def internal_error(task: Task, reason: str) -> ProgramVerdict:
    """Return the verdict that says that we failed, and how."""
    program = task.program
    return ProgramVerdict(
        program.question_id, program.sample, Verdict.IE, message=printable(reason, MAX_MESSAGE), reruns=task.reruns
    )


def open_slot(sandbox: Sandbox, stop: Event, *, patient: bool) -> Slot:
    """Open a slot; if ``patient``, try for a while: an engine that restarts is no reason to give up."""
    for wait in _PATIENCE_S if patient else ():
        try:
            return sandbox.open_slot(stop)
        except SsdError:
            if stop.wait(wait):
                raise
    return sandbox.open_slot(stop)
