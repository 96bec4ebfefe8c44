"""The paired tests, against scipy and statsmodels on known cases and on random ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ssd_harness.results.significance import minimum_detectable_difference, permutation_test, sign_test

DIFFERENCES = st.lists(st.integers(-5, 5).map(lambda count: count / 5), min_size=1, max_size=14)


def test_sign_test_is_mcnemars_exact_test():
    contingency = pytest.importorskip("statsmodels.stats.contingency_tables")
    differences = [1.0] * 9 + [-1.0] * 2 + [0.0] * 20
    expected = contingency.mcnemar([[10, 9], [2, 10]], exact=True).pvalue
    assert sign_test(differences) == pytest.approx(expected, abs=1e-12)
    assert sign_test(differences) == pytest.approx(0.0654296875, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=14))  # sums of fifths would round differently
def test_exact_permutation_test_equals_scipys(differences):
    nonzero = [difference for difference in differences if difference]
    ours = permutation_test(differences)
    if len(nonzero) < 2:  # scipy's needs two
        assert ours == 1.0
        return
    pairs = (np.array(nonzero), np.zeros(len(nonzero)))
    theirs = stats.permutation_test(
        pairs,
        lambda x, y, axis: np.abs((x - y).sum(axis=axis)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert ours == pytest.approx(theirs.pvalue, abs=1e-12)


def test_sampled_permutation_test_is_near_the_t_test_on_many_problems():
    generator = np.random.default_rng(3)
    differences = (generator.binomial(10, 0.55, 300) - generator.binomial(10, 0.52, 300)) / 10
    assert permutation_test(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.03)
    assert permutation_test(differences) == permutation_test(differences)


def test_no_difference_at_all_is_no_evidence():
    assert sign_test([0.0] * 5) == permutation_test([0.0] * 5) == 1.0


@settings(max_examples=100, deadline=None)
@given(DIFFERENCES, st.randoms())
def test_p_values_depend_on_neither_order_nor_direction(differences, shuffler):
    turned = [-difference for difference in differences]
    shuffled = differences[:]
    shuffler.shuffle(shuffled)
    for test in (sign_test, permutation_test):
        assert test(turned) == pytest.approx(test(differences))
        assert test(shuffled) == pytest.approx(test(differences))
        assert 0 < test(differences) <= 1


@pytest.mark.parametrize("problems", [2, 3, 10, 36, 131, 1055])
@pytest.mark.parametrize(("sides", "alternative"), [(1, "larger"), (2, "two-sided")])
def test_minimum_detectable_difference_equals_statsmodels(problems, sides, alternative):
    power = pytest.importorskip("statsmodels.stats.power")
    differences = np.random.default_rng(problems).normal(0, 0.3, problems)
    if (problems, sides) == (2, 2):
        pytest.skip("statsmodels finds no solution for two problems")
    effect = power.TTestPower().solve_power(nobs=problems, alpha=0.05, power=0.8, alternative=alternative)
    expected = np.ravel(effect)[0] * differences.std(ddof=1)
    assert minimum_detectable_difference(differences, sides=sides) == pytest.approx(expected, rel=1e-4)


def test_nothing_can_be_detected_with_one_problem():
    assert minimum_detectable_difference([0.2]) is None
    assert minimum_detectable_difference([0.2, 0.2]) == 0.0
