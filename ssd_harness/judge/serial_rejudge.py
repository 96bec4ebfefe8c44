"""Run programs again, one at a time with no other busy slot: those close to a time limit, or whose slots were lost."""

from dataclasses import replace
from threading import Event
from types import TracebackType
from typing import Self

from ssd_harness.judge.judges import Judge, TestSelection
from ssd_harness.judge.loaded_tests import LoadedTests, TestLoader, UnusableTestsError
from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.slot_session import Run, SlotSession, open_session
from ssd_harness.judge.verdicts import CRASH, ProgramVerdict, Verdict
from ssd_harness.judge.work_queue import WorkItem
from ssd_harness.sandbox.interface import JobEnd, Sandbox, SlotLost

KILLED = "killed its sandbox"
"""The message of a program that repeatedly loses its slot between runs of a known-good program that does not."""
_TRIES = 2
GRACE = 1
"""Extra wall time of a test in this run, in units of the wall limit, as long as the program uses CPU. Together with the
first run, a test takes at most ``2 + GRACE`` wall limits."""
_KNOWN_GOOD = Program("known-good", 0, "print(input())")
_KNOWN_GOOD_TESTS = ProblemTests("known-good", (b"ready\n",), ("ready",), public=1)


class SerialRejudge:
    """Judges in one slot, one program at a time; use as a context manager."""

    def __init__(self, sandbox: Sandbox, loader: TestLoader, judge: Judge) -> None:
        self._sandbox, self._loader = sandbox, loader
        self._known_good_loader = TestLoader(lambda _: _KNOWN_GOOD_TESTS, judge, TestSelection.ALL, None)
        self._session: SlotSession | None = None
        self._served = 0
        """Programs that ran in the slot, not counting the known-good one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def judge(self, item: WorkItem) -> ProgramVerdict:
        """Run the program of ``item`` once more and return its final verdict.

        If the slot is lost, the program runs again between two runs of a known-good program. If only the program loses
        its slot, each time, the verdict is a runtime error. Any other lost slot is an internal error.
        """
        if self._session is not None and self._session.should_yield(self._served):
            self._close()
        try:
            for _ in range(_TRIES):
                session, tests = self._ready(item)
                self._served += 1
                run = Run(item, tests.trial(item.program))
                try:
                    end = _run_alone(session, run, tests)
                    session.slot.drop(tests.inputs)
                except SlotLost:
                    if run.trial.complete:
                        return item.final_verdict(run.trial)
                    self._close()
                    item.keep_failure(run.trial)
                    item.lost_slots += 1
                    item.reruns += 1
                else:
                    return item.final_verdict(run.trial, end)
            self._ready(item)
        except UnusableTestsError as error:
            return item.internal_error(str(error))
        if item.failure is not None:
            return replace(item.failure, reruns=item.reruns)
        program = item.program
        return ProgramVerdict(
            program.question_id, program.sample, Verdict.RE, message=KILLED, reruns=item.reruns, cause=CRASH
        )

    def _ready(self, item: WorkItem) -> tuple[SlotSession, LoadedTests]:
        """Return a slot in which a known-good program has just run, and the item's tests in it."""
        for _ in range(_TRIES):
            try:
                if self._session is None:
                    self._session = open_session(self._sandbox, Event(), retry=True)
                session = self._session
                if self._known_good_runs(session):
                    return session, _with_grace(self._loader.load(item.program.question_id, session.slot))
            except SlotLost:
                pass
            self._close()
        raise UnusableTestsError("slots are lost even while a known-good program runs")

    def _known_good_runs(self, session: SlotSession) -> bool:
        tests = self._known_good_loader.load(_KNOWN_GOOD.question_id, session.slot)
        run = Run(WorkItem(0, _KNOWN_GOOD), tests.trial(_KNOWN_GOOD))
        _run_alone(session, run, tests)
        session.slot.drop(tests.inputs)
        run.trial.compare()
        return run.trial.decision is Verdict.AC

    def _close(self) -> None:
        if self._session is not None:
            self._session.slot.close()
            self._session, self._served = None, 0


def _run_alone(session: SlotSession, run: Run, tests: LoadedTests) -> JobEnd:
    """Run one program to its end. Raises :class:`SlotLost`."""
    session.submit(run, tests)
    while (ended := session.receive()) is None:
        pass
    return ended[1]


def _with_grace(tests: LoadedTests) -> LoadedTests:
    """Grant more wall time for a test to a program that works all the time but is short of processors."""
    return replace(tests, limits=replace(tests.limits, grace_s=GRACE * tests.limits.wall_s))
