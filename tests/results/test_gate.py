"""The gate: which verdict a known difference gets, and how often it is wrong on simulated runs."""

import numpy as np
import pytest

from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files.outcomes import ProblemOutcome
from ssd_harness.results.gate import GateVerdict, Rule, apply_rules

PROBLEMS, SAMPLES = 120, 10


def outcomes(passed, samples=SAMPLES, difficulty="easy"):
    return {
        f"p{index:04}": ProblemOutcome(f"p{index:04}", samples, int(count), difficulty)
        for index, count in enumerate(passed)
    }


def only(result):
    (check,) = result.checks
    return check


def test_the_same_run_passes():
    run = outcomes([3, 5, 7, 9] * 30)
    check = only(apply_rules(run, run, [Rule()]))
    assert check.verdict is GateVerdict.PASS
    assert check.difference.mean == check.detectable_drop - 0.02 == 0


def test_a_drop_of_every_problem_is_a_regression():
    baseline, run = outcomes([6] * 60), outcomes([5] * 60)
    check = only(apply_rules(run, baseline, [Rule(max_drop=0.05)]))
    assert check.verdict is GateVerdict.REGRESSION
    assert check.difference.mean == pytest.approx(-0.1)


def test_a_drop_within_what_is_allowed_is_a_warning():
    baseline, run = outcomes([6] * 60), outcomes([5] * 60)
    assert only(apply_rules(run, baseline, [Rule(max_drop=0.2)])).verdict is GateVerdict.WARN


def test_few_problems_are_inconclusive():
    baseline, run = outcomes([0, 10, 5, 5]), outcomes([10, 0, 4, 6])
    check = only(apply_rules(run, baseline, [Rule()]))
    assert check.verdict is GateVerdict.INCONCLUSIVE
    assert "4 problems cannot tell" in check.reason


def test_a_rule_that_only_warns_never_fails():
    baseline, run = outcomes([9] * 60), outcomes([1] * 60)
    assert apply_rules(run, baseline, [Rule(only_warn=True)]).verdict is GateVerdict.WARN


@pytest.mark.parametrize(
    ("passed", "verdict"),
    [
        ([9] * 30 + [8] * 30, GateVerdict.PASS),
        ([0, 10] * 31, GateVerdict.WARN),
        ([0, 10] * 29 + [0] * 3, GateVerdict.INCONCLUSIVE),
        ([1] * 60, GateVerdict.REGRESSION),
    ],
)
def test_a_minimum_without_a_baseline(passed, verdict):
    assert apply_rules(outcomes(passed), None, [Rule(max_drop=None, minimum=0.49)]).verdict is verdict


def test_the_gravest_verdict_counts():
    good, bad = outcomes([6] * 60), outcomes([2] * 60)
    rules = [Rule(), Rule(max_drop=None, minimum=0.1)]
    result = apply_rules(bad, good, rules)
    assert [check.verdict for check in result.checks] == [GateVerdict.REGRESSION, GateVerdict.PASS]
    assert result.verdict is GateVerdict.REGRESSION


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([Rule(difficulty="hard")], "no problems in this run; use one of these groups: all, easy"),
        ([Rule(k=11)], "needs 11 samples of each problem, some problem has 10"),
    ],
)
def test_rules_that_the_run_cannot_answer_are_refused(rules, words):
    run = outcomes([5] * 4)
    with pytest.raises(UsageError, match=words):
        apply_rules(run, run, rules)


def test_problems_without_a_baseline_are_refused():
    with pytest.raises(UsageError, match="no samples for 1 problems of this run, such as 'p0003'"):
        apply_rules(outcomes([5] * 4), outcomes([5] * 3), [Rule()])


def simulated(generator, chances):
    return outcomes(generator.binomial(SAMPLES, chances))


def test_of_400_pairs_without_a_change_at_most_7_percent_fail():
    generator = np.random.default_rng(11)
    failed = 0
    for _ in range(400):
        chances = generator.beta(0.4, 0.5, PROBLEMS)
        result = apply_rules(simulated(generator, chances), simulated(generator, chances), [Rule()])
        failed += result.verdict is GateVerdict.REGRESSION
    assert failed <= 0.07 * 400


@pytest.mark.slow
def test_where_no_drop_is_allowed_alpha_is_the_share_of_false_alarms():
    generator = np.random.default_rng(13)
    failed = 0
    for _ in range(3_000):
        chances = generator.beta(0.4, 0.5, PROBLEMS)
        result = apply_rules(simulated(generator, chances), simulated(generator, chances), [Rule(max_drop=0.0)])
        failed += result.verdict is GateVerdict.REGRESSION
    assert 0.04 <= failed / 3_000 <= 0.065


def test_of_400_drops_of_twice_the_detectable_one_at_least_95_percent_fail():
    generator = np.random.default_rng(12)
    failed = 0
    for _ in range(400):
        chances = generator.beta(0.4, 0.5, PROBLEMS)
        baseline, same = simulated(generator, chances), simulated(generator, chances)
        drop = 2 * only(apply_rules(same, baseline, [Rule()])).detectable_drop
        worse = chances * (1 - drop / chances.mean())
        failed += apply_rules(simulated(generator, worse), baseline, [Rule()]).verdict is GateVerdict.REGRESSION
    assert failed >= 0.95 * 400
