"""Judge many programs: one thread and one slot a worker, verdicts as soon as they are known."""

import os
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Event

from ssd_harness.errors import InfrastructureError, SsdError
from ssd_harness.judge.judges import Judge, TestSelection
from ssd_harness.judge.loaded_tests import TestLoader
from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.slot_worker import SlotWorker
from ssd_harness.judge.solo import Solo
from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.judge.work_queue import Board, Task
from ssd_harness.sandbox.interface import Limits, Sandbox

_JOIN_S = 10.0
_LONGEST_PROGRAM = 4 << 20
"""Characters of one program; a hundred times what people write, and far below what the protocol takes."""


def judge_programs(
    programs: Iterable[Program],
    load_tests: Callable[[str], ProblemTests],
    *,
    judge: Judge | str,
    sandbox: Sandbox,
    workers: int | None = None,
    tests: TestSelection | str = TestSelection.ALL,
    limits: Limits | None = None,
    on_verdict: Callable[[ProgramVerdict], None] | None = None,
) -> list[ProgramVerdict]:
    """Return one verdict a program, in the order of ``programs``, whatever the number of ``workers``.

    ``load_tests`` gives a problem's tests by question id; it is called from one thread at a time, more than once for a
    problem that several slots work on, and a failure is an internal error of that problem's programs alone. ``limits``
    replaces the defaults; a problem's own CPU limit goes before both. ``on_verdict`` gets each verdict in the caller's
    thread as soon as it is final, in no fixed order; what it raises ends the run.

    A program that was over the time limit by less than a quarter is run again alone at the end, once, as is one that
    lost two slots; their verdicts say so in ``reruns``. Raises :class:`~ssd_harness.errors.SsdError` when no slot can
    be opened (any more): verdicts that were delivered stay valid.
    """
    judge = Judge(judge)
    loader = TestLoader(load_tests, judge, TestSelection(tests), limits)
    return _Batch(loader, judge, sandbox, on_verdict).judge(list(programs), workers)


class _Batch:
    """One call of :func:`judge_programs`; the workers' outbox."""

    def __init__(
        self,
        loader: TestLoader,
        judge: Judge,
        sandbox: Sandbox,
        on_verdict: Callable[[ProgramVerdict], None] | None,
    ) -> None:
        self._loader, self._judge, self._sandbox, self._on_verdict = loader, judge, sandbox, on_verdict
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._verdicts: dict[int, ProgramVerdict] = {}
        self._alone: list[Task] = []
        self._errors: list[BaseException | None] = []

    def judge(self, programs: list[Program], workers: int | None) -> list[ProgramVerdict]:
        """Run everything; return the verdicts in order."""
        tasks = [Task(index, program) for index, program in enumerate(programs)]
        runnable = []
        for task in tasks:
            refusal = _refusal(task.program)
            if refusal is None:
                runnable.append(task)
            else:
                self._deliver(task, refusal)
        if runnable:
            count = min(workers or len(os.sched_getaffinity(0)), len(runnable))
            self._together(runnable, count)
        if self._alone:
            with Solo(self._sandbox, self._loader, self._judge) as solo:
                for task in sorted(self._alone, key=lambda task: task.index):
                    self._deliver(task, solo.judge(task))
        return [self._verdicts[task.index] for task in tasks]

    def _together(self, tasks: list[Task], count: int) -> None:
        """Judge ``tasks`` in ``count`` slots; return when each is decided or waits to be run alone."""
        board, stop, opened = Board(tasks), Event(), Event()
        workers = [SlotWorker(self._sandbox, board, self._loader, self, stop=stop, opened=opened) for _ in range(count)]
        done = len(self._verdicts) + len(tasks)
        for worker in workers:
            worker.start()
        try:
            while len(self._verdicts) + len(self._alone) < done:
                self._inbox.get()()
                if len(self._errors) == count:  # each worker's last word, so whatever is undecided stays so
                    self._give_up(len(board))
        except BaseException:
            stop.set()
            for worker in workers:
                worker.abort()
            raise
        finally:
            stop.set()
            for worker in workers:
                worker.join(_JOIN_S)

    def decided(self, task: Task, verdict: ProgramVerdict) -> None:
        """Deliver a final verdict."""
        self._inbox.put(lambda: self._deliver(task, verdict))

    def alone(self, task: Task) -> None:
        """Run the program alone, later."""
        self._inbox.put(lambda: self._alone.append(task))

    def stopped(self, error: BaseException | None) -> None:
        """Note that a worker ended, because of ``error`` or because nothing is left to do."""
        self._inbox.put(lambda: self._note(error))

    def _deliver(self, task: Task, verdict: ProgramVerdict) -> None:
        self._verdicts[task.index] = verdict
        if self._on_verdict is not None:
            self._on_verdict(verdict)

    def _note(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, SsdError):
            raise error  # a bug, to be seen with its traceback
        self._errors.append(error)

    def _give_up(self, left: int) -> None:
        """Raise the reason why all workers ended although work is left."""
        errors = [error for error in self._errors if error is not None]
        raise errors[0] if errors else InfrastructureError(f"{left} programs were left unjudged")


def _refusal(program: Program) -> ProgramVerdict | None:
    """Return the verdict of a program that need not run: there is none, or more of it than a slot takes."""
    if not program.code.strip():
        verdict, message = Verdict.NO_CODE, "the output holds no program"
    elif len(program.code) > _LONGEST_PROGRAM:
        verdict, message = Verdict.CE, f"{len(program.code)} characters are more than the {_LONGEST_PROGRAM} allowed"
    else:
        return None
    return ProgramVerdict(program.question_id, program.sample, verdict, message=message)
