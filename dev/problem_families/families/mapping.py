"""Easy, functional: change every element, then put the list into some order."""

import random
from collections.abc import Sequence
from typing import ClassVar

from problem_families.family import Arguments, Family, Parameters


class Mapping(Family):
    """Map a list and order the result."""

    name = "mapping"
    title = "Mapped list"
    difficulty = "easy"
    signature = "mapList(self, nums: List[int]) -> List[int]"
    space: ClassVar = {
        "change": ("multiplied by", "increased by", "decreased by", "reduced modulo"),
        "number": (2, 3, 4, 5, 6, 7, 8, 9),
        "order": ("in the same order", "in reverse order", "in ascending order", "in descending order"),
    }

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        change = f"{p['change']} {p['number']}"
        return (
            f"Return a list with each of nums {change}, {p['order']}.",
            f"Every number in nums is to be {change}. Return them all {p['order']}.",
            f"With all elements {change}, give back nums {p['order']}.",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return f"{p['change']} {p['number']}, {p['order']}"

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """Nothing, one element, equal ones, both orders, both signs."""
        lists: tuple[list[int], ...] = (
            [],
            [0],
            [5],
            [3, 3],
            [1, 2],
            [2, 1],
            [-1, -9, 4],
            [0, 12, 7, 0],
            [10, 20, 30],
            [9, 8, 17, -3, 1],
        )
        return tuple((nums,) for nums in lists)

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw small integers of both signs."""
        return ([rng.randint(-20, 20) for _ in range(size)],)

    def answer(self, p: Parameters, nums: list[int]) -> list[int]:  # type: ignore[override]
        """Map, then order."""
        k = p["number"]
        changed = {
            "multiplied by": [x * k for x in nums],
            "increased by": [x + k for x in nums],
            "decreased by": [x - k for x in nums],
            "reduced modulo": [x % k for x in nums],
        }[p["change"]]
        return {
            "in the same order": changed,
            "in reverse order": changed[::-1],
            "in ascending order": sorted(changed),
            "in descending order": sorted(changed, reverse=True),
        }[p["order"]]

    def right(self, p: Parameters) -> Sequence[str]:
        """Comprehension, loop, map, indices."""
        new = _changed(p)
        ordered, ordering = _ORDERS[p["order"]]
        return [
            f"return {ordered.format(f'[{new} for x in nums]')}",
            f"res = []\nfor x in nums:\n    res.append({new})\n{ordering}return res",
            f"b = list(map(lambda x: {new}, nums))\nreturn {ordered.format('b')}",
            f"b = [{new} for x in nums]\nreturn {ordered.format('b')}",
            f"res = list(nums)\nfor i, x in enumerate(nums):\n    res[i] = {new}\n{ordering}return res",
        ]

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Return what an in-place method returns, or leave an element out."""
        new, (_, ordering) = _changed(p), _ORDERS[p["order"]]
        if ordering:
            return [f"res = [{new} for x in nums]\nreturn {ordering.strip()}"]
        return [f"res = []\nfor i in range(1, len(nums)):\n    x = nums[i]\n    res.append({new})\nreturn res"]


# order → (expression around a list, statement that orders the list res in place)
_ORDERS = {
    "in the same order": ("{}", ""),
    "in reverse order": ("{}[::-1]", "res.reverse()\n"),
    "in ascending order": ("sorted({})", "res.sort()\n"),
    "in descending order": ("sorted({}, reverse=True)", "res.sort(reverse=True)\n"),
}


def _changed(p: Parameters) -> str:
    operator = {"multiplied by": "*", "increased by": "+", "decreased by": "-", "reduced modulo": "%"}[p["change"]]
    return f"x {operator} {p['number']}"
