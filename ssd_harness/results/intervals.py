"""Intervals for means over problems: the problem is the unit, never the single sample.

Samples of one problem share its difficulty, so counting them as independent would make intervals far too narrow
(Miller 2024, "Adding Error Bars to Evals", clusters by question). Resampling whole problems respects that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over problems with its interval, in the unit of the values."""

    mean: float
    low: float
    high: float
    problems: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def mean_estimate(values: Sequence[float], *, level: float = LEVEL, seed: int = 0) -> Estimate:
    """Estimate the mean of per-problem proportions (each in [0, 1]) with a percentile bootstrap over problems.

    When every problem is solved always, or never, resampling sees no spread at all; Wilson's score interval, with each
    problem as one trial, then says how little a handful of problems can prove.
    """
    sample = _checked(values)
    if np.all(sample == 0) or np.all(sample == 1):
        low, high = _wilson(int(sample.sum()), sample.size)
        return Estimate(float(sample[0]), low, high, sample.size)
    return _bootstrap(sample, level, seed)


def paired_difference(
    candidate: Sequence[float], baseline: Sequence[float], *, level: float = LEVEL, seed: int = 0
) -> Estimate:
    """Estimate the mean of ``candidate - baseline`` problem by problem; both are in the same order of problems."""
    left, right = _checked(candidate), _checked(baseline)
    if left.size != right.size:
        raise ValueError(f"{left.size} problems against {right.size}: pair them first")
    return _bootstrap(left - right, level, seed)


def _checked(values: Sequence[float]) -> np.ndarray:
    sample = np.asarray(values, dtype=float)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError("an interval needs at least one problem")
    return sample


def _bootstrap(sample: np.ndarray, level: float, seed: int) -> Estimate:
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(sample.size, np.full(sample.size, 1 / sample.size), size=RESAMPLES)
    means = weights @ sample / sample.size
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Estimate(float(sample.mean()), float(low), float(high), sample.size)


def _wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return float(max(0.0, (centre - spread) / scale)), float(min(1.0, (centre + spread) / scale))
