"""The programs that still need a verdict, grouped by problem so that a slot receives a problem's inputs once."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from threading import Lock

from ssd_harness.judge.problem_tests import Program
from ssd_harness.judge.trial import Trial
from ssd_harness.judge.verdicts import MAX_MESSAGE, ProgramVerdict, Verdict
from ssd_harness.printable import printable
from ssd_harness.sandbox.interface import JobEnd


@dataclass(slots=True)
class WorkItem:
    """One program that needs a verdict, and the results of its runs so far."""

    index: int
    """Position of its verdict in the result."""
    program: Program
    lost_slots: int = 0
    """How many slots were lost while it ran."""
    reruns: int = 0
    """How often it was run again, for any reason."""
    failure: ProgramVerdict | None = None
    """A verdict of an earlier run that a later run cannot change. The program still runs again, because whether it does
    must not depend on its answers."""

    def keep_failure(self, trial: Trial, end: JobEnd | None = None) -> None:
        """Record a failure that another run must not undo: one not caused by a time limit or by a fault of ours."""
        trial.compare()
        if self.failure is None and trial.decision not in (None, Verdict.AC, Verdict.IE) and not trial.in_doubt:
            self.failure = trial.verdict(end, self.reruns)

    def final_verdict(self, trial: Trial, end: JobEnd | None = None) -> ProgramVerdict:
        """Return the recorded failure, else the verdict of ``trial``."""
        trial.compare()
        if self.failure is not None:
            return replace(self.failure, reruns=self.reruns)
        return trial.verdict(end, self.reruns)

    def internal_error(self, reason: str) -> ProgramVerdict:
        """Return the verdict for a program that we failed to judge."""
        message = printable(reason, MAX_MESSAGE)
        return ProgramVerdict(
            self.program.question_id, self.program.sample, Verdict.IE, message=message, reruns=self.reruns
        )


@dataclass(slots=True)
class ProblemGroup:
    """The waiting items of one problem."""

    question_id: str
    items: deque[WorkItem] = field(default_factory=deque)
    failed_loads: int = 0
    """How many slots were lost while this problem's inputs were sent."""


class WorkQueue:
    """Hands out items to the slots; every method may be called from any thread."""

    def __init__(self, items: Iterable[WorkItem]) -> None:
        self._lock = Lock()
        self._groups: dict[str, ProblemGroup] = {}
        self._size = 0
        for item in items:
            self._group(item.program.question_id).items.append(item)
            self._size += 1
        self._unstarted = deque(self._groups.values())

    def __len__(self) -> int:
        """Return the number of waiting items."""
        return self._size

    def take(self, preferred: ProblemGroup | None) -> tuple[ProblemGroup, WorkItem] | None:
        """Remove and return an item: from ``preferred``, else from an unstarted problem, else from the largest group.

        Returns None if no item waits.
        """
        with self._lock:
            group = preferred if preferred is not None and preferred.items else self._next_group()
            if group is None:
                return None
            self._size -= 1
            return group, group.items.popleft()

    def put_back(self, item: WorkItem) -> None:
        """Return an item that was taken but not decided."""
        with self._lock:
            self._group(item.program.question_id).items.appendleft(item)
            self._size += 1

    def discard(self, group: ProblemGroup) -> list[WorkItem]:
        """Remove and return all items of a problem that cannot be judged."""
        with self._lock:
            items = list(group.items)
            group.items.clear()
            self._size -= len(items)
            return items

    def _group(self, question_id: str) -> ProblemGroup:
        return self._groups.setdefault(question_id, ProblemGroup(question_id))

    def _next_group(self) -> ProblemGroup | None:
        while self._unstarted:
            group = self._unstarted.popleft()
            if group.items:
                return group
        largest = max(self._groups.values(), key=lambda group: len(group.items), default=None)
        return largest if largest and largest.items else None
