"""Compare finished runs by name: read their verdicts, their notes, and the intervals of their differences."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ssd_harness import schema
from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files.outcomes import read_outcomes
from ssd_harness.results import comparison
from ssd_harness.results.comparison import RunRow
from ssd_harness.results.run_notes import RunNotes, read_notes

RunPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side. ``print`` shows the table with 95 % intervals, and the notes of each run."""

    rows: tuple[RunRow, ...]
    """One row a run, the baseline first. All figures are proportions in [0, 1]."""
    notes: Mapping[str, RunNotes]
    """What a reader of the figures must know, by the name of the run."""

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


def compare(runs: Mapping[str, RunPath] | Sequence[RunPath]) -> Comparison:
    """Compare finished runs with the first one, paired by problem.

    Args:
        runs: Paths of runs, or a mapping from names to paths. The first run is the baseline. A path is a
            ``verdicts.jsonl``, an lm-eval ``samples_*.jsonl``, or a folder with one of them. If a folder has several,
            ``FOLDER@WORD`` selects one by run id, checkpoint, fingerprint, task or file name, and ``FOLDER@base``
            selects the base model's.

    Returns:
        One row a run: pass@1 and pass@5 (if all problems have five samples) with bootstrap intervals over problems, the
        paired difference to the baseline, and pass@1 by difficulty. All figures are proportions in [0, 1].

    Raises:
        UsageError: There is no run, a run cannot be found or read, or the runs do not cover the same problems.
        InfrastructureError: A file is damaged, or a program of the run was never judged.

    """
    if isinstance(runs, str | os.PathLike):
        raise UsageError(f"expected a list of runs or a mapping, got {str(runs)!r}", next_step="give [FIRST, SECOND]")
    named = dict(runs) if isinstance(runs, Mapping) else _by_path(runs)
    if not named:
        raise UsageError("no run to compare", next_step="give at least one path")
    outcomes = [(name, read_outcomes(os.fspath(path))) for name, path in named.items()]
    notes = {name: read_notes(os.fspath(path)) for name, path in named.items()}
    only_first = any(run.equal_samples for run in notes.values())
    rows = comparison.compare(outcomes, ks=(1,)) if only_first else comparison.compare(outcomes)
    return Comparison(tuple(rows), notes)


def _by_path(runs: Sequence[RunPath]) -> dict[str, RunPath]:
    named: dict[str, RunPath] = {}
    for path in runs:
        if os.fspath(path) in named:
            raise UsageError(f"the run {os.fspath(path)!r} is given twice", next_step="name the runs: {NAME: PATH}")
        named[os.fspath(path)] = path
    return named
