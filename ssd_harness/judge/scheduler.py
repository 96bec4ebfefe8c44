"""Judge many programs in parallel: each worker is a thread with one slot; verdicts are delivered as they are final.

``judge_programs`` is the entry of this room. The verdict of one run is decided in :mod:`ssd_harness.judge.trial`.
"""

import os
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Event

from ssd_harness.errors import InfrastructureError, SsdError
from ssd_harness.judge.judges import Judge, TestSelection
from ssd_harness.judge.loaded_tests import TestLoader
from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.serial_rejudge import SerialRejudge
from ssd_harness.judge.slot_worker import SlotWorker
from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.judge.work_queue import WorkItem, WorkQueue
from ssd_harness.sandbox.interface import Limits, Sandbox

_JOIN_S = 10.0
_LONGEST_PROGRAM = 4 << 20
"""Characters of one program: a hundred times the length that people write, and far below the protocol's limit."""


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
    """Return one verdict per program, in the order of ``programs``, independent of the number of ``workers``.

    ``load_tests`` returns a problem's tests by question id. It is called from one thread at a time, and again for each
    slot that works on the problem; if it fails, only that problem's programs become internal errors. ``limits``
    replaces the default limits; a problem's own CPU limit overrides both. ``on_verdict`` receives each verdict in the
    caller's thread as soon as it is final, in no fixed order; an exception that it raises ends the run.

    A program that came close to a time limit, or whose slots were lost twice, runs once more at the end, alone;
    ``reruns`` of its verdict counts this run. Raises :class:`~ssd_harness.errors.SsdError` if no slot can be opened;
    verdicts that were delivered before stay valid.
    """
    judge = Judge(judge)
    loader = TestLoader(load_tests, judge, TestSelection(tests), limits)
    return _Batch(loader, judge, sandbox, on_verdict).judge(list(programs), workers)


class _Batch:
    """One call of :func:`judge_programs`.

    Workers call :meth:`decided`, :meth:`rejudge` and :meth:`stopped` from their threads. Each puts a call into
    ``_inbox``, which the caller's thread carries out.
    """

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
        self._serial: list[WorkItem] = []
        """Programs to run again, one at a time, after the workers have ended."""
        self._endings: list[BaseException | None] = []
        """One entry for each worker that has ended: its error, or None."""

    def judge(self, programs: list[Program], workers: int | None) -> list[ProgramVerdict]:
        """Judge all programs; return the verdicts in the order of ``programs``."""
        items = [WorkItem(index, program) for index, program in enumerate(programs)]
        runnable = []
        for item in items:
            refusal = _refusal(item.program)
            if refusal is None:
                runnable.append(item)
            else:
                self._deliver(item, refusal)
        if runnable:
            count = min(workers or len(os.sched_getaffinity(0)), len(runnable))
            self._judge_in_parallel(runnable, count)
        if self._serial:
            with SerialRejudge(self._sandbox, self._loader, self._judge) as rejudge:
                for item in sorted(self._serial, key=lambda item: item.index):
                    self._deliver(item, rejudge.judge(item))
        return [self._verdicts[item.index] for item in items]

    def _judge_in_parallel(self, items: list[WorkItem], count: int) -> None:
        """Judge ``items`` in ``count`` slots; return when each has a verdict or is in ``_serial``."""
        queue, stop, opened = WorkQueue(items), Event(), Event()
        workers = [SlotWorker(self._sandbox, queue, self._loader, self, stop=stop, opened=opened) for _ in range(count)]
        total = len(self._verdicts) + len(items)
        for worker in workers:
            worker.start()
        try:
            while len(self._verdicts) + len(self._serial) < total:
                self._inbox.get()()
                if len(self._endings) == count:  # no worker is left to judge the remaining programs
                    self._give_up(len(queue))
        except BaseException:
            stop.set()
            for worker in workers:
                worker.abort()
            raise
        finally:
            stop.set()
            for worker in workers:
                worker.join(_JOIN_S)

    def decided(self, item: WorkItem, verdict: ProgramVerdict) -> None:
        """Deliver a final verdict."""
        self._inbox.put(lambda: self._deliver(item, verdict))

    def rejudge(self, item: WorkItem) -> None:
        """Run the program again serially, after the others."""
        self._inbox.put(lambda: self._serial.append(item))

    def stopped(self, error: BaseException | None) -> None:
        """Note that a worker has ended, because of ``error`` or because no work is left."""
        self._inbox.put(lambda: self._record_ending(error))

    def _deliver(self, item: WorkItem, verdict: ProgramVerdict) -> None:
        self._verdicts[item.index] = verdict
        if self._on_verdict is not None:
            self._on_verdict(verdict)

    def _record_ending(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, SsdError):
            raise error  # a bug: raised with its traceback
        self._endings.append(error)

    def _give_up(self, unjudged: int) -> None:
        """Raise the first error that ended a worker before all programs were judged."""
        errors = [error for error in self._endings if error is not None]
        raise errors[0] if errors else InfrastructureError(f"{unjudged} programs were left unjudged")


def _refusal(program: Program) -> ProgramVerdict | None:
    """Return the verdict of a program that need not run because it is empty or too long; None for any other."""
    if not program.code.strip():
        verdict, message = Verdict.NO_CODE, "the output holds no program"
    elif len(program.code) > _LONGEST_PROGRAM:
        verdict, message = Verdict.CE, f"the program has {len(program.code)} characters, {_LONGEST_PROGRAM} are allowed"
    else:
        return None
    return ProgramVerdict(program.question_id, program.sample, verdict, message=message)
