"""Conditions on one integer, in words and in Python."""

SIMPLE = {
    "even": "{} % 2 == 0",
    "odd": "{} % 2 == 1",
    "positive": "{} > 0",
    "negative": "{} < 0",
}
WITH_NUMBER = {
    "divisible by": "{} % {} == 0",
    "greater than": "{} > {}",
    "less than": "{} < {}",
}
CONDITIONS = (*SIMPLE, *(f"{words} {number}" for words in WITH_NUMBER for number in range(3, 10)))
"""All conditions, as a statement words them."""


def code(condition: str, name: str = "x") -> str:
    """Return the Python expression that tests the variable ``name``."""
    if condition in SIMPLE:
        return SIMPLE[condition].format(name)
    words, _, number = condition.rpartition(" ")
    return WITH_NUMBER[words].format(name, number)


def holds(condition: str, value: int) -> bool:
    """Tell whether ``value`` meets the condition."""
    if condition in SIMPLE:
        return {"even": value % 2 == 0, "odd": value % 2 == 1, "positive": value > 0, "negative": value < 0}[condition]
    words, _, number = condition.rpartition(" ")
    limit = int(number)
    return {"divisible by": value % limit == 0, "greater than": value > limit, "less than": value < limit}[words]


def edge_values(condition: str) -> tuple[list[int], list[int]]:
    """Return some values on which the condition holds, and some on which it fails, close to its border."""
    near = [-18, -12, -9, -8, -7, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 21, 24, 35]
    return [v for v in near if holds(condition, v)], [v for v in near if not holds(condition, v)]
