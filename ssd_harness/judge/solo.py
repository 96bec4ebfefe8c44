"""Run programs one at a time, with no other slot of ours busy: what decided near a time limit, or lost slots."""

from dataclasses import replace
from threading import Event
from types import TracebackType
from typing import Self

from ssd_harness.judge.judges import Judge, TestSelection
from ssd_harness.judge.loaded_tests import LoadedTests, TestLoader, UnusableTestsError
from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.slot_worker import final_verdict, gives_way, internal_error, keep_wrong_answer, open_slot
from ssd_harness.judge.trial import Trial
from ssd_harness.judge.verdicts import CRASH, ProgramVerdict, Verdict
from ssd_harness.judge.work_queue import Task
from ssd_harness.sandbox.interface import JobEnd, Sandbox, Slot, SlotLost

KILLED = "killed its sandbox"
"""The message of a program that takes its slot down, alone, between programs that do not."""
_TRIES = 2
GRACE = 1
"""Wall limits on top of a test's own that a program may have here while it works. With the first look's, a test takes
at most ``2 + GRACE`` wall limits in all."""
_GOOD = Program("known-good", 0, "print(input())")
_GOOD_TESTS = ProblemTests("known-good", (b"ready\n",), ("ready",), public=1)


class Solo:
    """One slot, one program at a time; use as a context manager."""

    def __init__(self, sandbox: Sandbox, loader: TestLoader, judge: Judge) -> None:
        self._sandbox, self._loader = sandbox, loader
        self._good_loader = TestLoader(lambda _: _GOOD_TESTS, judge, TestSelection.ALL, None)
        self._slot: Slot | None = None
        self._jobs = 0
        self._served = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def judge(self, task: Task) -> ProgramVerdict:
        """Return the final verdict of ``task``, which runs once more.

        A program that loses its slot here is tried between two known-good programs. If they run and it does not, each
        time, it is to blame: a runtime error. A loss that this does not explain is an internal error.
        """
        if self._slot is not None and gives_way(self._slot, self._served):
            self._close()
        try:
            for _ in range(_TRIES):
                slot, tests = self._ready(task)
                self._served += 1
                trial = Trial(task.program, tests.expected, tests.checker, tests.limits)
                try:
                    end = self._run(slot, trial, tests)
                    slot.drop(tests.key)
                except SlotLost:
                    if trial.complete:
                        return final_verdict(task, trial, None)
                    self._close()
                    keep_wrong_answer(task, trial, None)
                    task.losses += 1
                    task.reruns += 1
                else:
                    return final_verdict(task, trial, end)
            self._ready(task)
        except UnusableTestsError as error:
            return internal_error(task, str(error))
        if task.verdict is not None:
            return replace(task.verdict, reruns=task.reruns)
        program = task.program
        return ProgramVerdict(
            program.question_id, program.sample, Verdict.RE, message=KILLED, reruns=task.reruns, cause=CRASH
        )

    def _ready(self, task: Task) -> tuple[Slot, LoadedTests]:
        """Return a slot in which a known-good program has just run, and the task's tests in it."""
        for _ in range(_TRIES):
            try:
                if self._slot is None:
                    self._slot = open_slot(self._sandbox, Event(), patient=True)
                slot = self._slot
                good_tests = self._good_loader.load(_GOOD.question_id, slot)
                good = Trial(_GOOD, good_tests.expected, good_tests.checker, good_tests.limits)
                self._run(slot, good, good_tests)
                slot.drop(good_tests.key)
                good.compare()
                if good.decision is Verdict.AC:
                    return slot, self._patient(self._loader.load(task.program.question_id, slot))
            except SlotLost:
                pass
            self._close()
        raise UnusableTestsError("slots are lost with a known-good program too")

    @staticmethod
    def _patient(tests: LoadedTests) -> LoadedTests:
        """Grant a program that works all the time, but is short of processors, more wall time for a test."""
        return replace(tests, limits=replace(tests.limits, grace_s=GRACE * tests.limits.wall_s))

    def _run(self, slot: Slot, trial: Trial, tests: LoadedTests) -> JobEnd:
        """Run one program to its end. Raises :class:`SlotLost`."""
        self._jobs += 1
        slot.submit(self._jobs, tests.job(trial.program.code))
        while True:
            event = slot.receive()
            if event.job != self._jobs:
                raise SlotLost("the slot spoke of an unknown job", where=slot.name)
            if not isinstance(event, JobEnd):
                if trial.take(event):
                    slot.cancel(event.job)
            elif trial.complete:
                return event
            else:
                raise SlotLost("the slot ended a job without its outcomes", where=slot.name)

    def _close(self) -> None:
        if self._slot is not None:
            self._slot.close()
            self._slot, self._served = None, 0
