"""Which evaluated problems a prompt gives away: the weight of the n-grams that both hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

_ROWS = 16
"""Prompts looked up at a time: one that holds every problem takes a megabyte or two."""

STORY_SHARE, STORY_FLOOR, STORY_MOST = 0.35, 40.0, 0.9
"""A prompt holds a story if they share this part of its weight, and this weight or this part of a short one."""
STATEMENT_SHARE = 0.2
"""A prompt holds a statement if it holds this part of its 13-grams."""
_FEW = 4


class Hit(NamedTuple):
    """A prompt, by its place, and a problem, by its place, with the part of the problem's weight that they share."""

    row: int
    problem: int
    share: float


@dataclass(frozen=True, slots=True)
class Index:
    """N-grams of problems, sorted, each with the problems that hold it and its weight."""

    numbers: Any
    starts: Any
    """Where each n-gram's problems begin in ``owners``, and the end of the last."""
    owners: Any
    weights: Any
    needed: Any
    """Weight that a prompt must share with each problem; infinite for a problem without weight."""
    total: Any

    def hits(self, numbers: Any, rows: Any) -> list[Hit]:
        """Return all hits of prompts; ``numbers`` are their n-grams, ``rows`` (ascending) the prompt of each."""
        found: list[Hit] = []
        if not len(numbers) or not len(self.numbers):
            return found
        at = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        hit = self.numbers[at] == numbers
        at, rows = at[hit], np.asarray(rows)[hit]
        for first in range(0, int(rows[-1]) + 1 if len(rows) else 0, _ROWS):
            low, high = np.searchsorted(rows, (first, first + _ROWS))
            if high > low:
                found += self._hits(at[low:high], rows[low:high])
        return found

    def _hits(self, at: Any, rows: Any) -> list[Hit]:
        lengths = self.starts[at + 1] - self.starts[at]
        steps = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        owners = self.owners[np.repeat(self.starts[at], lengths) + steps].astype(np.int64)
        pairs, place = np.unique(np.repeat(rows, lengths) * len(self.total) + owners, return_inverse=True)
        shared = np.bincount(place, np.repeat(self.weights[at], lengths))
        row, problem = np.divmod(pairs, len(self.total))
        # The same sums in another order may differ in their last bits.
        over = shared >= self.needed[problem] - 1e-9
        shares = shared[over] / self.total[problem[over]]
        return [
            Hit(int(one), int(other), float(min(share, 1.0)))
            for one, other, share in zip(row[over], problem[over], shares, strict=True)
        ]


def story_index(numbers: Any, starts: Any, owners: Any, weights: Any, problems: int) -> Index:
    """Return the index of the stories of contest problems; ``weights`` are those of their prose 4-grams."""
    total = _totals(starts, owners, weights, problems)
    needed = np.maximum(STORY_SHARE * total, np.minimum(STORY_MOST * total, STORY_FLOOR))
    return Index(numbers, starts, owners, weights, _never_nothing(needed, total), total)


def statement_index(texts: Sequence[Any]) -> Index:
    """Return the index of other tasks' statements, given the 13-grams of each.

    What more than half of the problems hold (of four or more) is the task's wording around its problems, unless that
    is all there is.
    """
    numbers, starts, owners = postings(texts)
    common = (np.diff(starts) * 2 > len(texts)) & (len(texts) >= _FEW)
    weights = np.where(common, 0.0, 1.0)
    if (_totals(starts, owners, weights, len(texts)) == 0).any():
        weights = np.ones(len(numbers))
    total = _totals(starts, owners, weights, len(texts))
    return Index(numbers, starts, owners, weights, _never_nothing(STATEMENT_SHARE * total, total), total)


def postings(texts: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Return (numbers, starts, owners) of an index, given the different n-grams of each problem."""
    numbers = np.concatenate([np.empty(0, np.uint64), *texts])
    owners = np.repeat(np.arange(len(texts)), [len(one) for one in texts])
    order = np.argsort(numbers, kind="stable")
    distinct, starts = np.unique(numbers[order], return_index=True)
    return distinct, np.append(starts, len(numbers)).astype(np.int64), owners[order]


def weigh(numbers: Any, frequency: Callable[[Any], Any], texts: int) -> Any:
    """Return ln(N / df) of each n-gram."""
    return np.log(texts / np.minimum(frequency(numbers), texts))


def _totals(starts: Any, owners: Any, weights: Any, problems: int) -> Any:
    return np.bincount(owners, np.repeat(weights, np.diff(starts)), minlength=problems)


def _never_nothing(needed: Any, total: Any) -> Any:
    return np.where(total > 0, needed, np.inf)
