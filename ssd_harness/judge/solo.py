"""Run programs one at a time, with no other slot of ours busy: what decided near a time limit, or lost slots."""

from dataclasses import replace
from threading import Event
from types import TracebackType
from typing import Self

from ssd_harness.judge.board import Task
from ssd_harness.judge.inputs import Judge, LoadedTests, TestLoader, UnusableTestsError
from ssd_harness.judge.problem import ProblemTests, Program
from ssd_harness.judge.slot_worker import internal_error, open_slot
from ssd_harness.judge.trial import Trial
from ssd_harness.judge.verdicts import CRASH, ProgramVerdict, Verdict
from ssd_harness.sandbox.contracts import JobEnd, Sandbox, Slot, SlotLost

KILLED = "killed its sandbox"
"""The message of a program that takes its slot down, alone, between programs that do not."""
_TRIES = 2
_MEASUREMENTS = 3
_GRACE = 3
_GOOD = Program("known-good", 0, "print(input())")
_GOOD_TESTS = ProblemTests("known-good", (b"ready\n",), ("ready",), public=1)


class Solo:
    """One slot, one program at a time; use as a context manager."""

    def __init__(self, sandbox: Sandbox, loader: TestLoader, judge: Judge) -> None:
        self._sandbox, self._loader = sandbox, loader
        self._good_loader = TestLoader(lambda _: _GOOD_TESTS, judge, "all", None)
        self._slot: Slot | None = None
        self._jobs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def judge(self, task: Task) -> ProgramVerdict:
        """Return the final verdict of ``task``.

        A time over the limit, but near it, is measured up to three times: noise only ever adds to CPU time.
        A program that loses its slot here is tried between two known-good programs. If they run and it does not, each
        time, it is to blame: a runtime error. A loss that this does not explain is an internal error.
        """
        try:
            for _ in range(_TRIES):
                slot, tests = self._ready(task)
                try:
                    return self._fastest(slot, task, tests)
                except SlotLost:
                    self._close()
                    task.losses += 1
                    task.reruns += 1
            self._ready(task)
        except UnusableTestsError as error:
            return internal_error(task, str(error))
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
                good, _end = self._run(slot, _GOOD, good_tests)
                slot.drop(good_tests.key)
                if good.decision is Verdict.AC:
                    return slot, self._loader.load(task.program.question_id, slot)
            except SlotLost:
                pass
            self._close()
        raise UnusableTestsError("slots are lost with a known-good program too")

    def _fastest(self, slot: Slot, task: Task, tests: LoadedTests) -> ProgramVerdict:
        """Run the task's program, again if its time is over the limit but near it. Raises :class:`SlotLost`.

        What hit its wall limit while short of processors is here for that reason, so it gets several times as much, but
        only while it works: a program that sleeps would hold up all others here.
        """
        tests = replace(tests, limits=replace(tests.limits, grace_s=_GRACE * tests.limits.wall_s))
        trial, end = self._run(slot, task.program, tests)
        for _ in range(_MEASUREMENTS - 1):
            if not trial.near or trial.decision is Verdict.AC:
                break
            task.reruns += 1
            trial, end = self._run(slot, task.program, tests)
        slot.drop(tests.key)
        return trial.verdict(end, task.reruns)

    def _run(self, slot: Slot, program: Program, tests: LoadedTests) -> tuple[Trial, JobEnd]:
        """Run one program to its end. Raises :class:`SlotLost`."""
        self._jobs += 1
        slot.submit(self._jobs, tests.job(program.code))
        trial = Trial(program, tests.expected, tests.checker, tests.limits)
        while True:
            event = slot.receive()
            if event.job != self._jobs:
                raise SlotLost("the slot spoke of an unknown job", where=slot.name)
            if isinstance(event, JobEnd):
                if trial.decision is None:
                    raise SlotLost("the slot ended a job without its outcomes", where=slot.name)
                return trial, event
            if trial.take(event):
                slot.cancel(event.job)

    def _close(self) -> None:
        if self._slot is not None:
            self._slot.close()
            self._slot = None
