"""Find the evaluated problems that a prompt overlaps, by the weight of the n-grams that both contain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

_ROWS = 16
"""Prompts per lookup; a prompt that contains all problems takes one or two megabytes."""

STORY_SHARE, STORY_FLOOR, STORY_MOST = 0.35, 40.0, 0.9
"""A prompt overlaps a story if it has this share of its weight, and this weight, or most of a short story."""
STATEMENT_SHARE = 0.2
"""A prompt overlaps a statement if it contains this share of its 13-grams."""
_FEW = 4


class Hit(NamedTuple):
    """The positions of a prompt and a problem, and the share of the problem's weight that the prompt contains."""

    row: int
    problem: int
    share: float


@dataclass(frozen=True, slots=True)
class Index:
    """The sorted n-grams of problems, each with its weight and the problems that contain it."""

    numbers: Any
    starts: Any
    """Start of each n-gram's problems in ``owners``, and the end of the last one's."""
    owners: Any
    weights: Any
    needed: Any
    """Weight that counts as overlap with each problem; infinite for a problem without weight."""
    total: Any

    def hits(self, numbers: Any, rows: Any) -> list[Hit]:
        """Return all hits; ``numbers`` are n-grams of prompts, ``rows`` (ascending) the prompt of each n-gram."""
        hits: list[Hit] = []
        if not len(numbers) or not len(self.numbers):
            return hits
        at = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        hit = self.numbers[at] == numbers
        at, rows = at[hit], np.asarray(rows)[hit]
        for first in range(0, int(rows[-1]) + 1 if len(rows) else 0, _ROWS):
            low, high = np.searchsorted(rows, (first, first + _ROWS))
            if high > low:
                hits += self._hits(at[low:high], rows[low:high])
        return hits

    def _hits(self, at: Any, rows: Any) -> list[Hit]:
        lengths = self.starts[at + 1] - self.starts[at]
        steps = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        owners = self.owners[np.repeat(self.starts[at], lengths) + steps].astype(np.int64)
        pairs, place = np.unique(np.repeat(rows, lengths) * len(self.total) + owners, return_inverse=True)
        shared = np.bincount(place, np.repeat(self.weights[at], lengths))
        row, problem = np.divmod(pairs, len(self.total))
        # Sums in another order may differ in the last bits.
        over = shared >= self.needed[problem] - 1e-9
        shares = shared[over] / self.total[problem[over]]
        return [
            Hit(int(prompt), int(owner), float(min(share, 1.0)))
            for prompt, owner, share in zip(row[over], problem[over], shares, strict=True)
        ]


def story_index(numbers: Any, starts: Any, owners: Any, weights: Any, problems: int) -> Index:
    """Return the index of the stories of contest problems; ``weights`` are those of their prose 4-grams."""
    total = _totals(starts, owners, weights, problems)
    needed = np.maximum(STORY_SHARE * total, np.minimum(STORY_MOST * total, STORY_FLOOR))
    return Index(numbers, starts, owners, weights, _never_nothing(needed, total), total)


def statement_index(texts: Sequence[Any]) -> Index:
    """Return the index of other tasks' statements, given the 13-grams of each.

    N-grams in more than half of the problems (if there are four or more) are the task's instructions and get no weight,
    unless some problem has no others.
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
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
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
