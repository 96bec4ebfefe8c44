"""The guard at work: a model meets each task of an evaluation, once."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ssd_harness.artifacts import registry
from ssd_harness.harness import evaluation_request
from ssd_harness.harness.task.statements import asked_texts
from ssd_harness.prompts.overlap.guard import guard
from ssd_harness.prompts.overlap.lineage import Lineage, read_lineage
from ssd_harness.prompts.overlap.search import EvaluatedText

NOTE = "overlap"
"""Where the evaluation's notes keep ``results``."""


def check_of_folder(folder: Path, *, allowed: bool, tell: Callable[[str], None]) -> "OverlapCheck | None":
    """Return the check of a model that another class has loaded from ``folder``, if it is a checkpoint of ours."""
    made = registry.at(folder)
    if made is None:
        return None
    return OverlapCheck(read_lineage(made.name, folder, made.manifest), allowed=allowed, tell=tell)


class OverlapCheck:
    """Compares the problems of tasks with the prompts that a model was trained on, or is about to be.

    ``results`` maps each task that was met to what every result says about it; it grows with the tasks.
    """

    def __init__(self, lineage: Lineage, *, allowed: bool, tell: Callable[[str], None]) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self._lineage, self._allowed, self._tell = lineage, allowed, tell

    @property
    def trained_on(self) -> int:
        """Number of prompts that overlap LiveCodeBench's problems and were trained on all the same."""
        return self._lineage.kept

    def meet(self, task: str, problems: Callable[[], Sequence[EvaluatedText] | None]) -> None:
        """Check one task; ``problems`` is called only if there are prompts to compare them with.

        Raises :class:`UsageError` for an overlap that the user has not allowed.
        """
        if task in self.results:
            return
        texts = problems() if self._lineage.sketches else None
        self.results[task] = found = guard(self._lineage, task, texts, allowed=self._allowed)
        if self._lineage.sketches or self._lineage.unknown:
            extent = f" ({found['problems']:,} problems)" if "problems" in found else ""
            self._tell(f"  overlap with {task}: {found['result']}{extent}")
        if request := evaluation_request.current():
            request.notes[NOTE] = self.results

    def meet_asked(self) -> None:
        """Check those tasks of ours that the running evaluation has asked for: their problems are known already."""
        request = evaluation_request.current()
        if request is None or not self._lineage.sketches:
            return
        for task in request.own_tasks:
            if (texts := asked_texts(request, task)) is not None:
                self.meet(task, functools.partial(list, texts))

    def meet_others(self) -> None:
        """Load and check all other tasks that the running evaluation has asked for: before hours of training."""
        request = evaluation_request.current()
        if request is None or request.texts_of is None or not self._lineage.sketches:
            return
        for task, texts in request.texts_of(request.others).items():
            self.meet(task, texts)
