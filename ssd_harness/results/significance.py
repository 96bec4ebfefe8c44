"""Paired tests over problems, which tell the difference between two runs from chance.

All functions take one difference for each problem, ``candidate - baseline``, as proportions. The problem is the unit:
samples of one problem share its difficulty and are not independent.
"""

import math
from collections.abc import Sequence

import numpy as np

EXACT_UP_TO = 16
"""Up to so many differences other than zero, the permutation test counts every assignment of signs."""
RESAMPLES = 20_000
POWER = 0.8


def sign_test(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of the exact sign test; problems without a difference are left out.

    With one sample per problem this is McNemar's exact test.
    """
    from scipy.stats import binomtest

    better = sum(difference > 0 for difference in differences)
    worse = sum(difference < 0 for difference in differences)
    if better + worse == 0:
        return 1.0
    return float(binomtest(better, better + worse).pvalue)


def permutation_test(differences: Sequence[float], *, seed: int = 0) -> float:
    """Return the two-sided p-value of the mean difference when the sign of each problem's difference is arbitrary.

    The test is exact for up to 16 differences other than zero. Above that it draws 20,000 assignments of signs from
    ``seed``, and counts the observed one among them, so the p-value is never zero.
    """
    nonzero = np.array([difference for difference in differences if difference], dtype=float)
    if nonzero.size == 0:
        return 1.0
    observed = abs(nonzero.sum())
    # A sum of floats depends on its order by a few units in the last place: equal sums must count as equal.
    bound = observed - 1e-9 * max(1.0, observed)
    if nonzero.size <= EXACT_UP_TO:
        patterns = np.arange(2**nonzero.size)[:, None] >> np.arange(nonzero.size) & 1
        sums = np.abs((2 * patterns - 1) @ nonzero)
        return float((sums >= bound).mean())
    generator = np.random.default_rng(seed)
    reached = 0
    for _ in range(0, RESAMPLES, 1_000):
        signs = generator.integers(0, 2, size=(1_000, nonzero.size), dtype=np.int8) * 2 - 1
        reached += int((np.abs(signs @ nonzero) >= bound).sum())
    return (reached + 1) / (RESAMPLES + 1)


def minimum_detectable_difference(
    differences: Sequence[float], *, alpha: float = 0.05, power: float = POWER, sides: int = 2
) -> float | None:
    """Return the smallest true mean difference that a paired t-test on these problems would find.

    ``power`` is the chance to find it at level ``alpha``, one- or two-sided. The spread is that of ``differences``.
    Returns None for fewer than two problems, and 0 where all differences are equal.
    """
    from scipy import optimize, stats

    count = len(differences)
    if count < 2:
        return None
    spread = float(np.std(np.asarray(differences, dtype=float), ddof=1))
    if spread == 0:
        return 0.0
    critical = float(stats.t.ppf(1 - alpha / sides, count - 1))

    def shortfall(effect: float) -> float:
        shift = effect * math.sqrt(count)
        detected = stats.nct.sf(critical, count - 1, shift)
        if sides == 2:
            detected += np.nan_to_num(stats.nct.cdf(-critical, count - 1, shift))  # NaN far out, where it is zero
        return float(detected) - power

    upper = 1 / math.sqrt(count)
    while shortfall(upper) < 0:
        upper *= 2
    return float(optimize.brentq(shortfall, 0, upper)) * spread
