"""Compare finished runs by name: read their verdicts, their notes, and the intervals of their differences."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ssd_harness import schema
from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files.outcomes import outcomes_of, read_outcomes
from ssd_harness.results import comparison
from ssd_harness.results.comparison import Outcomes, RunRow
from ssd_harness.results.run_notes import RunNotes, notes_of, read_notes
from ssd_harness.results.sample_scores import SampleScores

RunPath = str | os.PathLike[str]
Run = RunPath | SampleScores | Mapping[str, Any]
"""A path, what ``score`` returned, or what ``evaluate`` returned."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side. ``print`` shows the table with 95 % intervals, and the notes of each run."""

    rows: tuple[RunRow, ...]
    """One row a run, the baseline first. All figures are proportions in [0, 1]."""
    notes: Mapping[str, RunNotes]
    """Notes that change the meaning of the figures, by run."""

    def as_fields(self) -> dict[str, Any]:
        """Return the comparison as JSON values, as ``ssd-harness compare --json`` prints it."""
        runs = [{**asdict(row), **self.notes[row.name].as_fields()} for row in self.rows]
        return {schema.KEY: schema.COMPARISON, "runs": runs}

    def __getitem__(self, name: str) -> RunRow:
        """Return the row of the run called ``name``."""
        return next(row for row in self.rows if row.name == name)

    def __str__(self) -> str:
        notes = [f"{name}: {line}" for name, run in self.notes.items() for line in run.lines()]
        return "\n".join([comparison.render(self.rows), *notes])


def compare(runs: Mapping[str, Run] | Sequence[RunPath]) -> Comparison:
    """Compare finished runs with the first one, paired by problem.

    Args:
        runs: A mapping from names to runs, or a list of paths. The first run is the baseline. A run is what
            :func:`evaluate` or :func:`score` returned, or a path: a ``verdicts.jsonl``, an lm-eval
            ``samples_*.jsonl``, or a folder with one of them. If a folder has several, ``FOLDER@WORD`` selects one by
            run id, checkpoint, fingerprint, task or file name, and ``FOLDER@base`` selects the base model's.

    Returns:
        One row a run: pass@1 and pass@5 (if all problems have five samples) with bootstrap intervals over problems, the
        paired difference to the baseline, and pass@1 by difficulty. All figures are proportions in [0, 1].

    Raises:
        UsageError: There is no run, a run cannot be found or read, or the runs do not cover the same problems.
        InfrastructureError: A file is damaged, or a program of the run was never judged.

    """
    if isinstance(runs, str | os.PathLike):
        raise UsageError(f"expected a list of runs or a mapping, got {str(runs)!r}", next_step="give [FIRST, SECOND]")
    by_name: dict[str, Run] = dict(runs) if isinstance(runs, Mapping) else _by_path(runs)
    if not by_name:
        raise UsageError("no run to compare", next_step="give at least one run")
    read = {name: _read(name, run) for name, run in by_name.items()}
    only_first = any(notes.equal_samples for _, notes in read.values())
    outcomes = [(name, outcomes) for name, (outcomes, _) in read.items()]
    rows = comparison.compare(outcomes, ks=(1,)) if only_first else comparison.compare(outcomes)
    return Comparison(tuple(rows), {name: notes for name, (_, notes) in read.items()})


def _by_path(runs: Sequence[RunPath]) -> dict[str, Run]:
    by_name: dict[str, Run] = {}
    for path in runs:
        if not isinstance(path, str | os.PathLike):
            raise UsageError(f"expected a path, got {type(path).__name__}", next_step="name the runs: {NAME: RUN}")
        if os.fspath(path) in by_name:
            raise UsageError(f"the run {os.fspath(path)!r} is given twice", next_step="name the runs: {NAME: RUN}")
        by_name[os.fspath(path)] = path
    return by_name


def _read(name: str, run: Run) -> tuple[Outcomes, RunNotes]:
    """Return the outcomes of a run, and its notes."""
    if isinstance(run, str | os.PathLike):
        return read_outcomes(os.fspath(run)), read_notes(os.fspath(run))
    if isinstance(run, SampleScores):
        return outcomes_of(_located(name, run.rows), name), notes_of(run.summary, "")
    samples = run.get("samples") if isinstance(run, Mapping) else None
    if not isinstance(samples, Mapping):
        what = f"the run {name!r}: expected a path, or what evaluate or score returned, got {type(run).__name__}"
        raise UsageError(what, next_step="give the whole result, with its samples")
    if len(samples) != 1:
        what = f"the run {name!r} has {len(samples)} tasks: {', '.join(map(str, samples)) or 'none'}"
        raise UsageError(what, next_step="evaluate one task a run, or give the path of its samples")
    ((task, rows),) = samples.items()
    return outcomes_of(_located(name, rows), name), notes_of(run, task)


def _located(name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((f"{name}, row {number}", row) for number, row in enumerate(rows, 1))
