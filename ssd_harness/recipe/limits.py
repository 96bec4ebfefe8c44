"""What the values of a recipe's fields may be: in words, and as a test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LARGEST_WHOLE = 2**31 - 1
"""More than this is a slip of the hand in any field; Parquet and torch would take it and fail later."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The values that a field takes; None is a value of its own and not asked about."""

    words: str
    holds: Callable[[Any], bool]


NOT_NEGATIVE = Limit("0 or more", lambda value: value >= 0)
POSITIVE = Limit("more than 0", lambda value: value > 0)
PROBABILITY = Limit("above 0 and at most 1", lambda value: 0 < value <= 1)
BELOW_ONE = Limit("0 or more and below 1", lambda value: 0 <= value < 1)
ROUNDS = Limit("from 0 to 1000", lambda value: 0 <= value <= 1000)
SEED = Limit("from 0 to 4294967295", lambda value: 0 <= value < 2**32)
"""What numpy takes, which the trainer seeds as well."""


def one_of(*words: str) -> Limit:
    """Return the limit to these words."""
    return Limit(f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0], words.__contains__)
