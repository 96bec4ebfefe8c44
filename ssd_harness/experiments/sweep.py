"""Run the cells of a sweep: each training once, its evaluations in one process, each failure on its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ssd_harness.artifacts import registry
from ssd_harness.distill.estimate import estimate_of
from ssd_harness.distill.plan_lines import say
from ssd_harness.estimates.machine import this_machine
from ssd_harness.experiments.cells import Cell
from ssd_harness.experiments.evaluation import LOG, evaluate

Failures = dict[str, str]
"""Label of a cell → why it failed."""


def run(cells: Sequence[Cell], *, jobs: int = 1, tell: Callable[[str], None] = say) -> Failures:
    """Run the unfinished ``cells``, at most ``jobs`` trainings or evaluations at once, and return the failures.

    Cells with the same weights share one training and fail with it; other cells continue. Raises :class:`UsageError`
    before the first training if one cannot fit this machine.
    """
    unfinished = [cell for cell in cells if not cell.evaluation.done]
    for plan in {cell.weights: cell.plan for cell in unfinished}.values():
        if plan and not plan.checkpoint:
            estimate_of(plan).require_fit(this_machine(plan.recipe))
    groups: dict[str, list[Cell]] = {}
    for cell in unfinished:
        groups.setdefault(cell.weights, []).append(cell)
    progress = _Progress(len(cells), len(cells) - len(unfinished), tell)
    if jobs == 1:
        for group in groups.values():
            _run_group(group, progress)
        return progress.failures
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for future in [pool.submit(_run_group, group, progress) for group in groups.values()]:
                future.result()
        except BaseException:
            progress.stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return progress.failures


class _Progress:
    """Count finished cells over all threads, and report each."""

    def __init__(self, total: int, done: int, tell: Callable[[str], None]) -> None:
        self.total, self.done, self.tell = total, done, tell
        self.failures: Failures = {}
        self.stopping = threading.Event()
        self._lock = threading.Lock()

    def add(self, cell: Cell, error: str | None, note: str) -> None:
        with self._lock:
            self.done += 1
            if error is not None:
                self.failures[cell.label] = error
            self.tell(f"[{self.done}/{self.total}] {cell.label}: {note if error is None else 'failed: ' + error}")


def _run_group(group: Sequence[Cell], progress: _Progress) -> None:
    """Evaluate cells with the same weights; lm_eval of the first cell trains them, after its own checks."""
    if progress.stopping.is_set():
        return
    plan = group[0].plan
    if plan and not plan.checkpoint:
        log = group[0].evaluation.folder / LOG
        progress.tell(f"training ssd:{plan.name} for {len(group)} of {progress.total} cells; log: {log}")
    waiting = {cell.evaluation.folder: cell for cell in group}
    for finished in evaluate([cell.evaluation for cell in group]):
        cell = waiting.pop(finished.evaluation.folder)
        progress.add(cell, finished.error, f"evaluated in {finished.seconds:.0f} s")
        if progress.stopping.is_set():
            return
        if finished.error and plan and not registry.find(plan.fingerprint):
            for other in waiting.values():
                progress.add(other, f"not trained: {finished.error}", "")
            return
