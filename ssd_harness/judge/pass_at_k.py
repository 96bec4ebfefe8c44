"""The unbiased pass@k estimator (Chen et al. 2021, "Evaluating large language models trained on code", equation 1)."""

from collections.abc import Iterable
from math import prod

from ssd_harness.errors import UsageError

KS = (1, 5, 10)
"""The k that results report."""


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Return 1 - C(n-c, k) / C(n, k): the chance that at least one of k of the n ``samples`` is ``correct``.

    The quotient is computed as the product of (n-c-i)/(n-i) for i < k, which avoids large binomials. Raises
    :class:`~ssd_harness.errors.UsageError` if there are fewer than ``k`` samples.
    """
    if not 0 <= correct <= samples:
        raise ValueError(f"{correct} correct of {samples} samples")
    if k < 1:
        raise UsageError(f"expected a positive k, got pass@{k}", next_step="choose k >= 1")
    if samples < k:
        raise UsageError(
            f"pass@{k} needs {k} samples of every problem, got {samples}", next_step=f"choose k <= {samples}"
        )
    return 1.0 - prod((samples - correct - i) / (samples - i) for i in range(k))


def pass_at_k_values(counts: Iterable[tuple[int, int]], k: int) -> list[float]:
    """Return pass@k of each problem, in [0, 1]; a problem is given as (samples, correct)."""
    return [pass_at_k(samples, correct, k) for samples, correct in counts]


def possible_ks(samples: Iterable[int]) -> list[int]:
    """Return those k of 1, 5, 10 for which every problem has enough samples."""
    fewest = min(samples, default=0)
    return [k for k in KS if k <= fewest]
