import statistics
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.livecodebench.problem import Problem
from ssd_harness.scoring.generation_facts import GenerationFacts, render_facts, summarize_facts
from ssd_harness.scoring.summary import render, summarize


def problem(name, difficulty="easy", date="2025-02-01", platform="atcoder"):
    return Problem(name, name, "q", platform, "c", date, difficulty, "", None, "0", "f", 1, 0, 1)


def verdicts(name, outcomes):
    return [ProgramVerdict(name, n, kind) for n, kind in enumerate(outcomes)]


AC, WA, TLE = Verdict.AC, Verdict.WA, Verdict.TLE


def test_groups_and_counts():
    problems = {"a": problem("a"), "b": problem("b", "hard", "2025-03-01"), "c": problem("c", "hard", "2025-03-02")}
    rows = [*verdicts("a", [AC] * 5), *verdicts("b", [AC, WA, WA, WA, TLE]), *verdicts("c", [WA] * 5)]
    summary = summarize(rows, problems)
    assert summary["all"]["problems"] == 3
    assert summary["all"]["pass@1"] == pytest.approx((1 + 0.2 + 0) / 3)
    assert summary["all"]["pass@5"] == pytest.approx(2 / 3)
    assert summary["all"]["pass@1_stderr"] == pytest.approx(statistics.stdev([1, 0.2, 0]) / 3**0.5)
    assert list(summary["by_difficulty"]) == ["easy", "hard"]
    assert summary["by_difficulty"]["hard"]["pass@1"] == pytest.approx(0.1)
    assert summary["by_difficulty"]["easy"]["pass@1_stderr"] is None
    assert summary["by_month"]["2025-03"]["problems"] == 2
    assert summary["verdicts"] == {"AC": 6, "WA": 8, "TLE": 1}
    table = render(summary)
    assert "40.0" in table
    header, *lines = table.split("\n")
    assert header.split() == ["problems", "programs", "pass@1", "pass@5"]
    assert table.count("pass@10") == 1
    assert "pass@10 left out: some problem has only 5 samples" in lines
    assert [line.split()[:2] for line in lines if line.startswith(("atcoder", "2025"))] == [
        ["atcoder", "3"],
        ["2025-02", "1"],
        ["2025-03", "2"],
    ]


@given(st.lists(st.lists(st.booleans(), min_size=10, max_size=12), min_size=1, max_size=6))
def test_the_estimator_is_the_mean_over_problems(outcomes):
    problems = {str(n): problem(str(n)) for n in range(len(outcomes))}
    rows = [row for n, flags in enumerate(outcomes) for row in verdicts(str(n), [AC if f else WA for f in flags])]
    figures = summarize(rows, problems)["all"]
    for k in (1, 5, 10):
        wanted = [1 - comb(len(f) - sum(f), k) / comb(len(f), k) for f in outcomes]
        assert figures[f"pass@{k}"] == pytest.approx(sum(wanted) / len(wanted))


def test_an_internal_error_counts_for_nothing_but_itself():
    problems = {"a": problem("a"), "b": problem("b")}
    rows = [*verdicts("a", [AC, Verdict.IE]), *verdicts("b", [Verdict.IE])]
    summary = summarize(rows, problems)
    assert (summary["all"]["problems"], summary["all"]["samples"], summary["all"]["pass@1"]) == (1, 1, 1.0)
    assert summary["verdicts"] == {"AC": 1, "IE": 2}
    nothing = summarize(verdicts("b", [Verdict.IE]), problems)
    assert nothing["all"]["problems"] == 0
    assert "1 IE" in render(nothing)


def test_the_facts_of_generations_are_counted_where_they_are_known():
    known = [GenerationFacts(truncated=True, tokens=30, unfinished_reasoning=True), GenerationFacts(False, 10)]
    found = summarize(verdicts("a", [AC, WA, WA]), {"a": problem("a")}, [*known, GenerationFacts()])["generations"]
    assert (found["truncated"], found["truncation_known"], found["unfinished_reasoning"]) == (1, 2, 1)
    assert (found["tokens"], found["tokens_per_sample"], found["tokens_known"]) == (40, 20.0, 2)
    assert render_facts(found) == "generations: 1 of 2 truncated, 1 end inside their reasoning, 20 tokens a sample"
    unknown = summarize_facts([GenerationFacts()])
    assert (unknown["truncated"], unknown["tokens"], unknown["tokens_per_sample"]) == ("unknown",) * 3
    assert summarize([], {})["all"]["problems"] == 0
