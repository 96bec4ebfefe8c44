"""The table of a sweep: one row per point, averaged over training seeds, pass@k with intervals over problems."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import mean, stdev
from typing import Any

from ssd_harness.experiments.cells import Cell
from ssd_harness.experiments.evaluation import DEFAULT, Decoded, read_decoding, read_metrics, read_official, read_rounds
from ssd_harness.harness.result_files.outcomes import ProblemOutcome, read_outcomes
from ssd_harness.judge.pass_at_k import pass_at_k_values
from ssd_harness.livecodebench.releases import NOT_OFFICIAL
from ssd_harness.scoring.intervals import Estimate, mean_estimate, paired_difference
from ssd_harness.tables import markdown_table

_KS = (1, 5)


@dataclass(frozen=True, slots=True)
class Row:
    """One point on one task; figures are proportions, or in the metric's own unit."""

    task: str
    point: Mapping[str, Any]
    train: tuple[float, int | None, float] | None
    """T, top-k, top-p of the training samples; None for the base model."""
    decode: Decoded | None
    """T, top-k, top-p of the evaluation, as the results record them; None if a third-party task sets no temperature."""
    seeds: tuple[int, ...]
    """Training seeds of finished cells."""
    pass_at: Mapping[int, Estimate] = field(default_factory=dict)
    """k → mean over seeds, with the interval over problems."""
    spread: Mapping[int, float] = field(default_factory=dict)
    """k → standard deviation over training seeds; empty for a single one."""
    by_seed: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    """k → the value of each seed."""
    difference: Mapping[int, Estimate] = field(default_factory=dict)
    """k → difference to the first row of the task, paired by problem; empty in that row."""
    metrics: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    """For third-party tasks: metric → mean over seeds, and standard error (of one seed)."""
    metric_spread: Mapping[str, float] = field(default_factory=dict)
    """Metric → standard deviation over training seeds; empty for a single one."""
    folders: tuple[str, ...] = ()
    official: bool = True
    """Whether all figures were measured on LiveCodeBench's published data."""
    rounds: int | None = 0
    """Rounds of the evaluated checkpoint; None if it differs between seeds or the results do not record it."""

    @property
    def t_eff(self) -> float | None:
        """The temperature at which the untrained model would answer alike, to first order; None if unknown.

        Round i samples at T_train from the checkpoint of round i - 1 and learns that distribution. Tempering composes
        (the paper's theory: T2 after T1 is T1 * T2), hence T_train ** rounds * T_eval. This is exact if nothing is
        truncated and every training reaches its target. The base model has no round.
        """
        if self.rounds is None or self.decode is None:
            return None
        return (self.train[0] if self.train else 1.0) ** self.rounds * self.decode[0]


def rows(cells: Sequence[Cell]) -> list[Row]:
    """Return the rows of the finished cells, in the order of the cells."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.evaluation.done:
            groups.setdefault((cell.evaluation.task, repr(dict(cell.point))), []).append(cell)
    first: dict[str, Mapping[int, list[float]]] = {}
    return [_row(group, first) for group in groups.values()]


def _row(cells: Sequence[Cell], first: dict[str, Mapping[int, list[float]]]) -> Row:
    cell = cells[0]
    recipe, task = cell.recipe, cell.evaluation.task
    decode = read_decoding(cell.evaluation)
    train = None if cell.is_base else (recipe.T_train, recipe.top_k_train, recipe.top_p_train)
    seeds = () if cell.is_base else tuple(other.recipe.seed for other in cells)
    folders = tuple(str(other.evaluation.folder) for other in cells)
    rounds = _rounds(cells)
    official = all(read_official(other.evaluation) for other in cells)
    metrics = [read_metrics(other.evaluation) for other in cells]
    if not all("pass@1" in values for values in metrics):
        joined = {name: (mean(values[name][0] for values in metrics), error) for name, (_, error) in metrics[0].items()}
        spread = {name: stdev(values[name][0] for values in metrics) for name in joined} if len(metrics) > 1 else {}
        common = Row(task, cell.point, train, decode, seeds, folders=folders, official=official, rounds=rounds)
        return replace(common, metrics=joined, metric_spread=spread)

    outcomes = [read_outcomes(other.evaluation.folder) for other in cells]
    fewest = min(outcome.samples for by_problem in outcomes for outcome in by_problem.values())
    # If all samples of each problem are the same text, the results have only pass@1.
    reported = [k for k in _KS if k <= fewest and all(f"pass@{k}" in values for values in metrics)]
    per_seed = {k: [_values(by_problem, k) for by_problem in outcomes] for k in reported}
    joined_values = {k: [mean(problem) for problem in zip(*seeds, strict=True)] for k, seeds in per_seed.items()}
    by_seed = {k: tuple(mean(seed) for seed in seeds) for k, seeds in per_seed.items()}
    reference = first.setdefault(task, joined_values)
    return Row(
        task,
        cell.point,
        train,
        decode,
        seeds,
        pass_at={k: mean_estimate(values) for k, values in joined_values.items()},
        spread={k: stdev(means) for k, means in by_seed.items() if len(means) > 1},
        by_seed=by_seed,
        difference={}
        if reference is joined_values
        else {k: paired_difference(values, reference[k]) for k, values in joined_values.items() if k in reference},
        folders=folders,
        official=official,
        rounds=rounds,
    )


def _rounds(cells: Sequence[Cell]) -> int | None:
    """Return the rounds of the checkpoints of one point; None unless the number is known and the same for all."""
    if cells[0].is_base:
        return 0
    counts = {read_rounds(cell.evaluation) or cell.recipe.rounds for cell in cells}
    return counts.pop() if len(counts) == 1 else None


def _values(outcomes: Mapping[str, ProblemOutcome], k: int) -> list[float]:
    return pass_at_k_values(((outcome.samples, outcome.passed) for _, outcome in sorted(outcomes.items())), k)


def as_json(rows: Sequence[Row], failures: Mapping[str, str], about: Mapping[str, Any]) -> str:
    """Return all rows as JSON, for programs."""
    listed = [{**asdict(row), "T_eff": row.t_eff} for row in rows]
    return json.dumps({**about, "rows": listed, "failed": dict(failures)}, indent=2) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """Return the rows as CSV, one column per number."""
    stream = io.StringIO()
    lines = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(name for line in lines for name in line))
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()


def _flat(row: Row) -> dict[str, Any]:
    line: dict[str, Any] = {"task": row.task, "model": "ssd" if row.train else "base"}
    line |= {} if row.official else {"official": False}
    for side, decoding in (("train", row.train), ("eval", row.decode)):
        for name, value in zip(("T", "top_k", "top_p"), decoding or ("", "", ""), strict=True):
            line[f"{name}_{side}"] = "none" if value is None else value
    line |= {"T_eff": "" if row.t_eff is None else row.t_eff, "seeds": " ".join(map(str, row.seeds))}
    for k, estimate in row.pass_at.items():
        line |= {f"pass@{k}": estimate.mean, f"pass@{k}_low": estimate.low, f"pass@{k}_high": estimate.high}
        line[f"pass@{k}_sd_over_seeds"] = row.spread.get(k, "")
        if k in row.difference:
            change = row.difference[k]
            line |= {f"d_pass@{k}": change.mean, f"d_pass@{k}_low": change.low, f"d_pass@{k}_high": change.high}
    for name, (value, error) in row.metrics.items():
        line |= {name: value, f"{name}_stderr": "" if error is None else error}
        line[f"{name}_sd_over_seeds"] = row.metric_spread.get(name, "")
    return line | {f"field_{name}": value for name, value in _others(row).items()}


def as_markdown(rows: Sequence[Row], failures: Mapping[str, str], about: Mapping[str, Any]) -> str:
    """Return the table as Markdown, with the meaning of its columns and the failures."""
    ks = list(dict.fromkeys(k for row in rows for k in row.pass_at))
    metrics = list(dict.fromkeys(name for row in rows for name in row.metrics))
    several = any(len(row.seeds) > 1 for row in rows)
    tasks = list(dict.fromkeys(row.task for row in rows))
    header = ["task"] if len(tasks) > 1 else []
    header += ["model", "trained at", "decoded at", "T_eff", *(["seeds"] if several else [])]
    for k in ks:
        header += [f"pass@{k}", *([f"sd over seeds, pass@{k}"] if several else [])]
    header += [f"Δ pass@{k}" for k in ks]
    for name in metrics:
        header += [name, *([f"sd over seeds, {name}"] if several else [])]
    lines = []
    for row in rows:
        words = [f"{name}={value}" for name, value in _others(row).items()]
        line = [row.task] if len(tasks) > 1 else []
        line += [" ".join(["SSD" if row.train else "base", *words]) + _mark(row), _decoding(row.train)]
        line += [_decoding(row.decode) if row.decode else "the task's own"]
        line += ["-" if row.t_eff is None else f"{row.t_eff:.2f}", *([str(len(row.seeds) or "-")] if several else [])]
        for k in ks:
            line.append(row.pass_at[k].percent() if k in row.pass_at else "-")
            line += [f"{100 * row.spread[k]:.1f}" if k in row.spread else "-"] if several else []
        line += [row.difference[k].percent(signed=True) if k in row.difference else "-" for k in ks]
        for name in metrics:
            line.append(_metric(row.metrics.get(name)))
            line += [f"{row.metric_spread[name]:.2g}" if name in row.metric_spread else "-"] if several else []
        lines.append(line)
    text = [f"`{about['command']}`", "", markdown_table(header, lines), "", *_notes(rows, ks, tasks)]
    if about["unfinished"]:
        text.append(f"{about['unfinished']} of {about['cells']} cells are not finished and not in this table.")
    text += [f"- failed: {label}: {error}" for label, error in failures.items()]
    return "\n".join(text) + "\n"


def _notes(rows: Sequence[Row], ks: Sequence[int], tasks: Sequence[str]) -> list[str]:
    notes = [
        "Trained and decoded at: temperature / top-k / top-p. T_eff = T_train * T_eval (T_train 1 for the base model)."
    ]
    if any(row.rounds != 1 for row in rows if row.train):
        notes.append(
            "With several rounds T_eff = T_train^rounds * T_eval, for each samples at T_train from the one before: to "
            "first order, exact without truncation and where each training reaches its aim. -: rounds not all alike."
        )
    if any(DEFAULT in (row.decode or ()) for row in rows):
        notes.append(f"{DEFAULT}: a third-party task leaves it to the model.")
    if ks:
        problems = ", ".join(
            dict.fromkeys(f"{row.pass_at[k].problems} problems of {row.task}" for row in rows for k in row.pass_at)
        )
        notes.append(f"Percent, [95 % interval over {problems}]; Δ is paired with the first row of the task.")
    if any(row.metrics for row in rows):
        notes.append("± is the standard error that lm_eval gives, of several training seeds the first one's.")
    notes += [f"Every figure was measured on {', '.join(tasks)}: the best row is the best on these very problems."]
    return notes if rows else ["nothing is finished"]


_SHOWN_APART = {f"{name}_{side}" for name in ("T", "top_k", "top_p") for side in ("train", "eval", "base")}


def _others(row: Row) -> dict[str, Any]:
    apart = _SHOWN_APART if row.decode else {name for name in _SHOWN_APART if name.endswith("_train")}
    shown = {name: value for name, value in row.point.items() if name not in apart}
    return {name: value for name, value in shown.items() if name != "rounds" or row.train}


def _mark(row: Row) -> str:
    return "" if row.official else f" ({NOT_OFFICIAL})"


def _decoding(decoding: Decoded | None) -> str:
    if decoding is None:
        return "-"
    temperature, top_k, top_p = decoding
    return f"{temperature:g} / {top_k or 'none'} / {top_p if isinstance(top_p, str) else f'{top_p:g}'}"


def _metric(value_and_error: tuple[float, float | None] | None) -> str:
    if value_and_error is None:
        return "-"
    value, error = value_and_error
    return f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.2g}"
