"""The task's figures in lm-eval's own table: pass@k overall and by difficulty, each with an error over problems."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ssd_harness.judge.pass_at_k import pass_at_k
from ssd_harness.lcb.summary import mean_and_error, possible_ks

_STDERR = "_stderr"


def metric_list(repeats: int, difficulties: Iterable[str]) -> list[dict[str, Any]]:
    """Return lm-eval's ``metric_list`` for those k that ``repeats`` samples a problem allow."""
    levels = list(difficulties)
    metrics: list[dict[str, Any]] = []
    for k in possible_ks([repeats]):
        metrics.append({"metric": f"pass@{k}", "aggregation": "mean", "higher_is_better": True})
        for name in (f"pass@{k}_{difficulty}" for difficulty in levels):
            # lm-eval knows no error of an aggregation like ours, so the error is a metric beside it.
            metrics += [
                {"metric": name, "aggregation": _mean_of_own, "higher_is_better": True},
                {"metric": f"{name}{_STDERR}", "aggregation": _error_of_own, "higher_is_better": False},
            ]
    return metrics


def problem_metrics(
    rows: Sequence[Mapping[str, Any]], difficulty: str, difficulties: Iterable[str], repeats: int
) -> dict[str, float | None]:
    """Return pass@k of one problem under each metric's name; None under those of other difficulties."""
    levels = list(difficulties)
    passed = sum(row["passed"] for row in rows)
    metrics: dict[str, float | None] = {}
    for k in possible_ks([repeats]):
        value = pass_at_k(len(rows), passed, k)
        metrics[f"pass@{k}"] = value
        for level in levels:
            own = value if level == difficulty else None
            metrics |= {f"pass@{k}_{level}": own, f"pass@{k}_{level}{_STDERR}": own}
    return metrics


def _mean_of_own(values: list[float | None]) -> float | str:
    """Average over the problems of the metric's own difficulty; the others brought None."""
    own = [value for value in values if value is not None]
    return mean_and_error(own)[0] if own else "N/A"


def _error_of_own(values: list[float | None]) -> float | str:
    """Return the standard error of that average, with the problem as the unit."""
    own = [value for value in values if value is not None]
    error = mean_and_error(own)[1] if own else None
    return "N/A" if error is None else error
