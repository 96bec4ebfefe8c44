"""Keep one slot busy: jobs wait in the slot, and outputs are compared while the next program runs."""

from contextlib import closing
from threading import Event, Thread
from typing import Protocol

from ssd_harness.errors import SsdError
from ssd_harness.judge.loaded_tests import LoadedTests, TestLoader, UnusableTestsError
from ssd_harness.judge.slot_session import Run, SlotSession, open_session
from ssd_harness.judge.verdicts import ProgramVerdict
from ssd_harness.judge.work_queue import ProblemGroup, WorkItem, WorkQueue
from ssd_harness.sandbox.interface import JobEnd, Sandbox

AHEAD = 3
"""Jobs in a slot at a time: one runs and the others wait, so that the slot never waits for us."""
_TAIL = 12
"""With fewer items than this left, no job waits in a slot: another slot may be idle."""
_LOSSES = 2
"""Lost slots after which a program is re-judged serially."""
_FAILED_LOADS = 3


class Batch(Protocol):
    """Receives a worker's results; called from the worker's thread."""

    def decided(self, item: WorkItem, verdict: ProgramVerdict) -> None:
        """Deliver a final verdict."""

    def rejudge(self, item: WorkItem) -> None:
        """Run the program again serially, after the others."""

    def stopped(self, error: BaseException | None) -> None:
        """Note that the worker has ended, because of ``error`` or because no work is left."""


class SlotWorker(Thread):
    """A thread that judges in one slot until the queue is empty, and replaces the slot when it is lost."""

    def __init__(
        self, sandbox: Sandbox, queue: WorkQueue, loader: TestLoader, batch: Batch, *, stop: Event, opened: Event
    ) -> None:
        """Store the objects that all workers of a batch share; ``opened`` is set once a slot has been opened."""
        super().__init__(daemon=True)
        self._sandbox, self._queue, self._loader, self._batch = sandbox, queue, loader, batch
        self._stop_requested, self._opened = stop, opened
        self._session: SlotSession | None = None
        self._group: ProblemGroup | None = None
        self._tests: LoadedTests | None = None
        self._yielding = False

    def run(self) -> None:
        """Judge until no work is left; report the error if it ends earlier."""
        error: BaseException | None = None
        try:
            while not self._stop_requested.is_set() and len(self._queue) and self._judge_in_one_slot():
                pass
        except BaseException as caught:  # noqa: BLE001 - the scheduler raises it in the caller's thread
            error = caught
        self._batch.stopped(error)

    def abort(self) -> None:
        """Close the worker's slot, from another thread."""
        session = self._session
        if session is not None:
            session.slot.close()

    def _judge_in_one_slot(self) -> bool:
        """Judge in one slot; return whether it was lost or given to another run, so that a new one is needed."""
        session = open_session(self._sandbox, self._stop_requested, retry=self._opened.is_set())
        with closing(session.slot):
            self._opened.set()
            self._session, self._group, self._tests, self._yielding = session, None, None, False
            try:
                while not self._stop_requested.is_set():
                    self._fill(session)
                    if not session.runs:
                        return self._yielding
                    if ended := session.receive():
                        self._run_ended(session, *ended)
            except SsdError:  # SlotLost, or another error of a dying engine
                self._slot_lost(session)
                return True
            finally:
                self._session = None
        return False

    def _fill(self, session: SlotSession) -> None:
        """Submit items until enough jobs wait in the slot or no item is left."""
        self._yielding = self._yielding or session.should_yield(session.submitted)
        if self._yielding:
            return
        ahead = AHEAD if len(self._queue) > _TAIL else 1
        while len(session.runs) < ahead and (next_item := self._queue.take(self._group)):
            group, item = next_item
            if group is not self._group and not self._load(session, group, item):
                continue
            assert self._tests is not None
            session.submit(Run(item, self._tests.trial(item.program)), self._tests)

    def _load(self, session: SlotSession, group: ProblemGroup, item: WorkItem) -> bool:
        """Send the problem's inputs to the slot; return whether its programs can be judged."""
        previous, self._group, self._tests = self._tests, None, None
        try:
            if previous is not None:
                session.slot.drop(previous.inputs)
            self._tests = self._loader.load(group.question_id, session.slot)
        except UnusableTestsError as error:
            self._refuse(group, item, str(error))
            return False
        except SsdError as error:
            group.failed_loads += 1
            if group.failed_loads < _FAILED_LOADS:
                self._queue.put_back(item)
            else:
                self._refuse(group, item, f"lost {_FAILED_LOADS} slots while sending its inputs: {error}")
            raise
        self._group = group
        return True

    def _refuse(self, group: ProblemGroup, item: WorkItem, reason: str) -> None:
        """Deliver internal errors for all programs of a problem that cannot be judged."""
        for refused in [item, *self._queue.discard(group)]:
            self._batch.decided(refused, refused.internal_error(reason))

    def _run_ended(self, session: SlotSession, run: Run, end: JobEnd) -> None:
        try:
            self._fill(session)  # before the comparison, whose duration no program may measure
        finally:
            self._decide(run, end)

    def _decide(self, run: Run, end: JobEnd | None) -> None:
        """Deliver the verdict, or request a second run if the time of a test was close to the limit.

        A wrong answer stands, whatever the result of the second run. The program still runs again if a test took long
        enough: otherwise it would learn that its answers were right so far. A comparison that fails, which is our
        fault, causes no second run, because that would depend on the expected output.
        """
        run.trial.compare()
        if run.trial.overtime:
            run.item.keep_failure(run.trial, end)
            run.item.reruns += 1
            self._batch.rejudge(run.item)
        else:
            self._batch.decided(run.item, run.item.final_verdict(run.trial, end))

    def _slot_lost(self, session: SlotSession) -> None:
        """Decide or requeue the programs of a lost slot; only the program that was running can have caused the loss."""
        running = True
        for run in session.runs.values():
            if run.trial.complete:
                self._decide(run, None)
                continue
            item = run.item
            item.keep_failure(run.trial)
            if running:
                item.lost_slots += 1
                item.reruns += 1
                running = False
            if item.lost_slots >= _LOSSES:
                self._batch.rejudge(item)
            else:
                self._queue.put_back(item)
