"""Figures by difficulty have a standard error, and no metric is the error of another."""

import pytest

from ssd_harness.harness.task.metrics import level_errors, metric_list, problem_metrics


def test_no_standard_error_is_a_metric():
    metrics = metric_list(5, ["easy", "hard"])
    rows = problem_metrics([{"passed": True}] * 5, "easy", ["easy", "hard"], 5)
    names = [metric["metric"] for metric in metrics]
    assert names == list(rows) == ["pass@1", "pass@1_easy", "pass@1_hard", "pass@5", "pass@5_easy", "pass@5_hard"]
    assert rows["pass@1_easy"] == 1.0
    assert rows["pass@1_hard"] is None


def test_the_error_is_over_the_problems_of_the_difficulty():
    metrics = metric_list(1, ["easy", "hard"])
    easy, hard = (metric["aggregation"] for metric in metrics[1:])
    assert easy([1.0, None, 0.0, None]) == 0.5
    assert hard([None]) == "N/A"
    assert level_errors(metrics) == {"pass@1_easy": pytest.approx(0.5), "pass@1_hard": None}
