import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.scoring.intervals import mean_estimate, paired_difference

proportions = st.lists(st.floats(0, 1), min_size=2, max_size=60)


@given(proportions)
def test_the_interval_holds_the_mean_and_stays_in_range(values):
    estimate = mean_estimate(values)
    assert 0 <= estimate.low <= estimate.mean + 1e-12
    assert estimate.mean - 1e-12 <= estimate.high <= 1 + 1e-12


@given(proportions)
def test_a_run_does_not_differ_from_itself(values):
    estimate = paired_difference(values, values)
    assert (estimate.mean, estimate.low, estimate.high) == (0, 0, 0)
    assert estimate.low <= 0 <= estimate.high


@given(st.integers(1, 40))
def test_never_solving_anything_still_leaves_room_for_doubt(problems):
    estimate = mean_estimate([0.0] * problems)
    assert estimate.mean == 0
    assert estimate.low == 0
    z = 1.959964
    assert math.isclose(estimate.high, z * z / (problems + z * z), rel_tol=1e-6)


def test_the_bootstrap_agrees_with_the_normal_interval_on_many_problems():
    values = [0.2, 0.4, 0.6, 0.8] * 100
    estimate = mean_estimate(values)
    deviation = math.sqrt(sum((value - 0.5) ** 2 for value in values) / len(values))
    assert math.isclose(estimate.high - estimate.low, 2 * 1.96 * deviation / math.sqrt(len(values)), rel_tol=0.05)


def test_pairing_sees_a_small_gain_that_unpaired_intervals_would_miss():
    baseline = [index / 40 for index in range(40)]
    candidate = [min(1.0, value + 0.05) for value in baseline]
    assert paired_difference(candidate, baseline).low > 0
    assert mean_estimate(candidate).low < mean_estimate(baseline).high


def test_runs_of_different_length_are_not_paired():
    with pytest.raises(ValueError, match="pair them first"):
        paired_difference([0.5], [0.5, 0.5])
