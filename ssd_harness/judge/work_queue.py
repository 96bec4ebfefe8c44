"""What is still to be judged, shared by the slots: problem by problem, so that inputs travel once to a slot."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

from ssd_harness.judge.problem_tests import Program
from ssd_harness.judge.verdicts import ProgramVerdict


@dataclass(slots=True)
class Task:
    """One program on its way to a verdict."""

    index: int
    """Its place in the result."""
    program: Program
    losses: int = 0
    """How many slots were lost while it ran."""
    reruns: int = 0
    """How often it was run again, whatever the reason."""
    verdict: ProgramVerdict | None = None
    """What an earlier run has decided for good. It is run again all the same: whether it is must not depend on how its
    answers compare."""


@dataclass(slots=True)
class Group:
    """The tasks of one problem that nobody has taken yet."""

    question_id: str
    tasks: deque[Task] = field(default_factory=deque)
    failed_loads: int = 0
    """How many slots were lost while this problem's inputs were sent."""


class Board:
    """Hands out tasks; every method may be called from any thread."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._lock = Lock()
        self._groups: dict[str, Group] = {}
        self._left = 0
        for task in tasks:
            self._group(task.program.question_id).tasks.append(task)
            self._left += 1
        self._fresh = deque(self._groups.values())

    def __len__(self) -> int:
        """Return how many tasks nobody has taken."""
        return self._left

    def take(self, mine: Group | None) -> tuple[Group, Task] | None:
        """Return the next task, or None: of ``mine`` if it has one, else of a fresh problem, else of the fullest."""
        with self._lock:
            group = mine if mine is not None and mine.tasks else self._next_group()
            if group is None:
                return None
            self._left -= 1
            return group, group.tasks.popleft()

    def put_back(self, task: Task) -> None:
        """Return a task that was taken and not decided."""
        with self._lock:
            self._group(task.program.question_id).tasks.appendleft(task)
            self._left += 1

    def discard(self, group: Group) -> list[Task]:
        """Take all that is left of a problem that cannot be judged."""
        with self._lock:
            tasks = list(group.tasks)
            group.tasks.clear()
            self._left -= len(tasks)
            return tasks

    def _group(self, question_id: str) -> Group:
        return self._groups.setdefault(question_id, Group(question_id))

    def _next_group(self) -> Group | None:
        while self._fresh:
            group = self._fresh.popleft()
            if group.tasks:
                return group
        fullest = max(self._groups.values(), key=lambda group: len(group.tasks), default=None)
        return fullest if fullest and fullest.tasks else None
