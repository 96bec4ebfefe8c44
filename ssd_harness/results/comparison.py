"""Compare runs: pass@k with intervals, and the paired difference of each run to the first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files.outcomes import DIFFICULTIES, ProblemOutcome
from ssd_harness.judge.pass_at_k import pass_at_k_values
from ssd_harness.scoring.intervals import Estimate, mean_and_error, mean_estimate, paired_difference
from ssd_harness.tables import text_table

Outcomes = Mapping[str, ProblemOutcome]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One line of the comparison; every figure is a proportion in [0, 1]."""

    name: str
    pass_at: Mapping[int, Estimate]
    difference: Mapping[int, Estimate]
    """Paired with the first run; empty in the first run's own row."""
    by_difficulty: Mapping[str, float]
    """pass@1 of each difficulty that occurs."""


def compare(runs: Sequence[tuple[str, Outcomes]], ks: Sequence[int] = (1, 5)) -> list[RunRow]:
    """Compare ``runs`` (name, outcomes) with the first one; a k that some problem has too few samples for is left out.

    Raises :class:`UsageError` when the runs do not cover the same problems: a difference would then mix two causes.
    """
    first_name, first = runs[0]
    for name, outcomes in runs[1:]:
        if outcomes.keys() != first.keys():
            only = len(first.keys() ^ outcomes.keys())
            raise UsageError(
                f"{first_name!r} and {name!r} differ in {only} problems",
                next_step="compare runs of the same task and --limit",
            )
    order = sorted(first)
    fewest = min(outcome.samples for _, outcomes in runs for outcome in outcomes.values())
    usable = [k for k in ks if k <= fewest]
    return [
        _row(name, outcomes, first if index else None, order, usable) for index, (name, outcomes) in enumerate(runs)
    ]


def _row(name: str, outcomes: Outcomes, first: Outcomes | None, order: Sequence[str], ks: Sequence[int]) -> RunRow:
    values = {k: _values(outcomes, order, k) for k in ks}
    difference = {k: paired_difference(values[k], _values(first, order, k)) for k in ks} if first else {}
    by_difficulty = {}
    for level in DIFFICULTIES:
        group = [question for question in order if outcomes[question].difficulty == level]
        if group:
            by_difficulty[level], _ = mean_and_error(_values(outcomes, group, 1))
    return RunRow(name, {k: mean_estimate(values[k]) for k in ks}, difference, by_difficulty)


def _values(outcomes: Outcomes, questions: Iterable[str], k: int) -> list[float]:
    return pass_at_k_values(((outcomes[name].samples, outcomes[name].passed) for name in questions), k)


def render(rows: Sequence[RunRow]) -> str:
    """Return the comparison as a text table, in percent with 95 % intervals over problems."""
    ks = list(rows[0].pass_at)
    levels = [level for level in DIFFICULTIES if any(level in row.by_difficulty for row in rows)]
    header = ["run", *(f"pass@{k}" for k in ks), *(f"Δ pass@{k}" for k in ks), *levels]
    lines = []
    for row in rows:
        cells = [row.name, *(row.pass_at[k].percent() for k in ks)]
        cells += [row.difference[k].percent(signed=True) if k in row.difference else "-" for k in ks]
        by_level = row.by_difficulty
        cells += [f"{100 * by_level[level]:.1f}" if level in by_level else "-" for level in levels]
        lines.append(cells)
    problems = rows[0].pass_at[ks[0]].problems
    return (
        f"{text_table(lines, header, right=range(1, len(header)))}\n"
        f"percent, [95 % interval over {problems} problems]; Δ is paired with {rows[0].name!r}; difficulties are pass@1"
    )
