import pytest

from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.livecodebench.problem import Problem
from ssd_harness.scoring.equal_samples import UNKNOWN_CAUSE, EqualSamples, cause_of
from ssd_harness.scoring.summary import render, summarize


@pytest.mark.parametrize(
    ("equal", "different", "said"),
    [(20, 1, True), (19, 1, True), (18, 1, False), (1, 0, True), (0, 1, False), (0, 0, False)],
)
def test_nearly_all_problems_must_have_equal_samples(equal, different, said):
    counts = EqualSamples.count([["a"] * 5] * equal + [["a", "b"]] * different + [["one sample is no sign"]] * 9)
    assert (counts.problems, counts.equal) == (equal + different, equal)
    reason = counts.reason("because")
    assert bool(reason) == said
    if reason:
        assert reason == (
            f"pass@5 left out: all samples of a problem are the same text ({equal} of {equal + different} problems), "
            "which counts as one sample; because"
        )


def test_counts_of_several_processes_add_up():
    parts = [EqualSamples.count([["a"] * 10, ["b"] * 10]), EqualSamples.count([["c", "d"]])]
    assert sum(parts, EqualSamples()) == EqualSamples(3, 2, 10)
    assert EqualSamples.count([["a"] * 4]).reason("x").startswith("all samples of a problem")
    assert EqualSamples.count([["a"] * 10]).reason("x").startswith("pass@5 and pass@10 left out: ")


@pytest.mark.parametrize(
    ("decoding", "own", "other"),
    [
        ({"temperature": 0}, "temperature 0", "temperature 0"),
        ({"do_sample": False, "temperature": 1.0}, "temperature 0", "temperature 0"),
        ({"temperature": 0.7, "top_k": 1}, "top_k 1", "top_k 1"),
        ({"temperature": 0.7, "top_k": None}, None, UNKNOWN_CAUSE),
        ({}, None, UNKNOWN_CAUSE),
    ],
)
def test_the_draws_of_our_models_are_independent_unless_they_are_greedy(decoding, own, other):
    for cause, own_model in ((own, True), (other, False)):
        said = cause_of(decoding, own_model=own_model)
        assert (cause in said) if cause else said is None


def test_the_summary_gives_pass_at_1_alone():
    problems = {"a": Problem("a", "a", "q", "atcoder", "c", "2025-02-01", "easy", "", None, "0", "f", 1, 0, 1)}
    verdicts = [ProgramVerdict("a", number, Verdict.AC) for number in range(5)]
    summary = summarize(verdicts, problems, equal="pass@5 left out: why")
    assert summary["equal_samples"] is True
    assert [name for name in summary["all"] if name.startswith("pass@")] == ["pass@1", "pass@1_stderr"]
    assert "pass@5 left out: why" in render(summary).splitlines()
    assert summarize(verdicts, problems)["all"]["pass@5"] == 1.0
