"""The metrics in lm-eval's table: pass@k overall and by difficulty, with standard errors over problems."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ssd_harness.judge.pass_at_k import pass_at_k, possible_ks
from ssd_harness.scoring.intervals import mean_and_error


def metric_list(repeats: int, difficulties: Iterable[str]) -> list[dict[str, Any]]:
    """Return lm-eval's ``metric_list`` for each k that ``repeats`` samples per problem allow."""
    levels = list(difficulties)
    metrics: list[dict[str, Any]] = []
    for k in possible_ks([repeats]):
        metrics.append({"metric": f"pass@{k}", "aggregation": "mean", "higher_is_better": True})
        metrics += [
            {"metric": f"pass@{k}_{level}", "aggregation": LevelMean(), "higher_is_better": True} for level in levels
        ]
    return metrics


def level_errors(metrics: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the standard error of each metric of one difficulty, by name."""
    return {
        str(metric["metric"]): metric["aggregation"].error
        for metric in metrics
        if isinstance(metric["aggregation"], LevelMean)
    }


class LevelMean:
    """Averages over the problems of one difficulty; the values of other problems are None.

    lm-eval computes no standard error for a custom aggregation, so each call stores it in ``error`` (None: undefined).
    """

    def __init__(self) -> None:
        self.error: float | None = None

    def __call__(self, values: Iterable[float | None]) -> float | str:
        """Return the mean, or lm-eval's "N/A" if no problem has this difficulty."""
        own = [value for value in values if value is not None]
        mean, self.error = mean_and_error(own) if own else ("N/A", None)
        return mean


def problem_metrics(
    rows: Sequence[Mapping[str, Any]], difficulty: str, difficulties: Iterable[str], repeats: int
) -> dict[str, float | None]:
    """Return pass@k of one problem by metric; None for the metrics of other difficulties."""
    levels = list(difficulties)
    passed = sum(row["passed"] for row in rows)
    metrics: dict[str, float | None] = {}
    for k in possible_ks([repeats]):
        value = pass_at_k(len(rows), passed, k)
        metrics[f"pass@{k}"] = value
        for level in levels:
            metrics[f"pass@{k}_{level}"] = value if level == difficulty else None
    return metrics
