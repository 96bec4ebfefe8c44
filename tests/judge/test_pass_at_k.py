from fractions import Fraction
from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.errors import UsageError
from ssd_harness.judge.pass_at_k import pass_at_k, pass_at_k_values, possible_ks

counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


@given(counts)
def test_is_the_closed_form(count):
    n, c, k = count
    exact = 1 - Fraction(comb(n - c, k), comb(n, k))
    assert pass_at_k(n, c, k) == pytest.approx(float(exact), abs=1e-12)


def test_counts_the_lucky_choices():
    n, c, k = 7, 3, 2
    choices = list(combinations(range(n), k))
    lucky = sum(any(i < c for i in choice) for choice in choices)
    assert pass_at_k(n, c, k) == pytest.approx(lucky / len(choices))


@given(counts)
def test_bounds_and_order(count):
    n, c, k = count
    value = pass_at_k(n, c, k)
    assert 0 <= value <= 1
    assert pass_at_k(n, c, 1) == pytest.approx(c / n)
    assert value >= pass_at_k(n, c, 1) - 1e-12
    assert c == 0 or value >= pass_at_k(n, c - 1, k) - 1e-12
    assert pass_at_k(n, n, k) == 1
    assert pass_at_k(n, 0, k) == 0


def test_stays_stable_where_binomials_overflow():
    assert pass_at_k(100_000, 1, 1000) == pytest.approx(0.01)


@given(st.lists(st.tuples(st.just(10), st.integers(0, 10)), min_size=1, max_size=20))
def test_one_value_for_each_problem(problems):
    assert pass_at_k_values(problems, 5) == [pass_at_k(n, c, 5) for n, c in problems]


def test_a_k_is_given_only_where_every_problem_has_enough_samples():
    assert possible_ks([10, 10]) == [1, 5, 10]
    assert possible_ks([10, 7]) == [1, 5]
    assert possible_ks([1]) == [1]
    assert possible_ks([]) == []


@pytest.mark.parametrize(("n", "c", "k"), [(4, 1, 5), (0, 0, 1), (5, 1, 0)])
def test_refuses_what_has_no_meaning(n, c, k):
    with pytest.raises(UsageError):
        pass_at_k(n, c, k)


def test_refuses_impossible_counts():
    with pytest.raises(ValueError):
        pass_at_k(3, 4, 1)
