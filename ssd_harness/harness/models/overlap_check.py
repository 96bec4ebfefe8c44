"""Compare the tasks of an evaluation with the prompts that its model was trained on."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ssd_harness.artifacts import registry
from ssd_harness.harness import run_context
from ssd_harness.harness.task.statements import requested_texts
from ssd_harness.prompts.overlap.guard import guard
from ssd_harness.prompts.overlap.lineage import Lineage, read_lineage
from ssd_harness.prompts.overlap.search import EvaluatedText


def check_of_folder(folder: Path, *, allowed: bool, tell: Callable[[str], None]) -> "OverlapCheck | None":
    """Return the check of the checkpoint in ``folder``; None if the folder has no manifest of ours."""
    checkpoint = registry.at(folder)
    if checkpoint is None:
        return None
    return OverlapCheck(read_lineage(checkpoint.name, folder, checkpoint.manifest), allowed=allowed, tell=tell)


class OverlapCheck:
    """Compares the problems of tasks with the prompts that a model was trained on, or is about to be.

    ``results`` has an entry for each task checked so far.
    """

    def __init__(self, lineage: Lineage, *, allowed: bool, tell: Callable[[str], None]) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self._lineage, self._allowed, self._tell = lineage, allowed, tell

    @property
    def trained_on(self) -> int:
        """Number of training prompts that overlap LiveCodeBench's problems."""
        return self._lineage.kept

    def check(self, task: str, problems: Callable[[], Sequence[EvaluatedText] | None]) -> None:
        """Check one task, once; ``problems`` is called only if there are prompts to compare.

        Raises :class:`UsageError` for an overlap that the user has not allowed.
        """
        if task in self.results:
            return
        texts = problems() if self._lineage.sketches else None
        self.results[task] = result = guard(self._lineage, task, texts, allowed=self._allowed)
        if self._lineage.sketches or self._lineage.unknown:
            extent = f" ({result['problems']:,} problems)" if "problems" in result else ""
            self._tell(f"  overlap with {task}: {result['result']}{extent}")
        context = run_context.current()
        if context.request:
            context.overlap = self.results

    def check_own_tasks(self) -> None:
        """Check our tasks in the current request; their problems are known before lm-eval loads the tasks."""
        request = run_context.current().request
        if request is None or not self._lineage.sketches:
            return
        for task in request.own_tasks:
            if (texts := requested_texts(request, task)) is not None:
                self.check(task, functools.partial(list, texts))

    def check_third_party_tasks(self) -> None:
        """Load and check the other tasks in the current request, before hours of training."""
        request = run_context.current().request
        if request is None or request.third_party is None or not self._lineage.sketches:
            return
        for task, texts in request.third_party.texts().items():
            self.check(task, texts)
