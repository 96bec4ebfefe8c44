"""Means over problems, with standard errors and intervals: the unit is the problem, not the single sample.

Samples of one problem share its difficulty. Counting them as independent would make intervals far too narrow
(Miller 2024, "Adding Error Bars to Evals", clusters by question), so whole problems are resampled.
"""

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

    def percent(self, *, signed: bool = False) -> str:
        """Return mean and interval in percent, e.g. ``14.4 [9.7, 19.4]``."""
        sign = "+" if signed else ""
        return f"{100 * self.mean:{sign}.1f} [{100 * self.low:{sign}.1f}, {100 * self.high:{sign}.1f}]"


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean over problems and its standard error; a single problem has none."""
    mean = sum(values) / len(values)
    return mean, statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None


def mean_estimate(values: Sequence[float], *, level: float = LEVEL, seed: int = 0) -> Estimate:
    """Estimate the mean of per-problem proportions (each in [0, 1]) with a percentile bootstrap over problems.

    If every problem is always solved, or never, resampling shows no spread. Then the interval is Wilson's, with each
    problem as one trial.
    """
    sample = _checked(values)
    if (sample == 0).all() or (sample == 1).all():
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


def _checked(values: Sequence[float]) -> "np.ndarray":
    import numpy as np

    sample = np.asarray(values, dtype=float)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError("an interval needs at least one problem")
    return sample


def _bootstrap(sample: "np.ndarray", level: float, seed: int) -> Estimate:
    import numpy as np

    means = _weights(sample.size, seed) @ sample / sample.size
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Estimate(float(sample.mean()), float(low), float(high), sample.size)


@functools.lru_cache(maxsize=2)
def _weights(size: int, seed: int) -> "np.ndarray":
    """Return how often each resample draws each problem; the same for all metrics of runs with so many problems."""
    import numpy as np

    generator = np.random.default_rng(seed)
    return generator.multinomial(size, np.full(size, 1 / size), size=RESAMPLES)


def _wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    share = successes / trials
    center = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return float(max(0.0, (center - spread) / scale)), float(min(1.0, (center + spread) / scale))
