"""Medium, standard input: count the pairs that stand in a relation."""

import itertools
import random
from collections.abc import Sequence
from typing import ClassVar

from problem_families.family import Arguments, Family, Parameters
from problem_families.reading import after_reading

# relation → (its words, its Python expression over x and y)
_RELATIONS = {
    "divisible": ("a sum divisible by {}", "(x + y) % {} == 0"),
    "sum": ("a sum of exactly {}", "x + y == {}"),
    "above": ("a sum greater than {}", "x + y > {}"),
    "difference": ("a difference of exactly {}", "abs(x - y) == {}"),
    "apart": ("a difference greater than {}", "abs(x - y) > {}"),
}


class Pairs(Family):
    """Count unordered pairs of positions."""

    name = "pairs"
    title = "Pairs"
    difficulty = "medium"
    space: ClassVar = {"relation": tuple(_RELATIONS), "number": (2, 3, 4, 5, 6, 7, 8, 9)}

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        words = _RELATIONS[p["relation"]][0].format(p["number"])
        return (
            f"Count the pairs with {words}. Given: N, then N integers.",
            f"N integers follow N. How many pairs have {words}?",
            f"How many pairs of N integers have {words}? N comes first.",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return _RELATIONS[p["relation"]][0].format(p["number"])

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """No pair at all, equal values, values that fit themselves, negative ones."""
        k = p["number"]
        lists = ([k], [0, 0], [k, 0], [k, k, k], [1, k - 1, k + 1, 2 * k + 3], [-k, k, 0, -1, 1], [3 * k, -2 * k, k])
        return tuple((a,) for a in (*lists, list(range(12)), [10, 9, -20], [20, 1, 20, 1, 10]))

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw values so close that relations are frequent."""
        return ([rng.randint(-3, 12) for _ in range(size)],)

    def answer(self, p: Parameters, a: list[int]) -> int:  # type: ignore[override]
        """Look at every pair."""
        k = p["number"]
        relation = {
            "divisible": lambda x, y: (x + y) % k == 0,
            "sum": lambda x, y: x + y == k,
            "above": lambda x, y: x + y > k,
            "difference": lambda x, y: abs(x - y) == k,
            "apart": lambda x, y: abs(x - y) > k,
        }[p["relation"]]
        return sum(relation(x, y) for x, y in itertools.combinations(a, 2))

    def right(self, p: Parameters) -> Sequence[str]:
        """Two indices, prefixes, combinations, a list of what was seen."""
        relation = _RELATIONS[p["relation"]][1].format(p["number"])
        indexed = relation.replace("x", "a[i]").replace("y", "a[j]")
        return after_reading(
            [
                f"""
                count = 0
                for i in range(n):
                    for j in range(i + 1, n):
                        if {indexed}:
                            count += 1
                print(count)
                """,
                f"""
                res = 0
                for i, x in enumerate(a):
                    for y in a[:i]:
                        if {relation}:
                            res += 1
                print(res)
                """,
                f"""
                from itertools import combinations
                print(sum(1 for x, y in combinations(a, 2) if {relation}))
                """,
                f"""
                seen = []
                total = 0
                for x in a:
                    total += sum(1 for y in seen if {relation})
                    seen.append(x)
                print(total)
                """,
            ]
        )

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Count every pair twice and each element with itself, or neighbours alone."""
        relation = _RELATIONS[p["relation"]][1].format(p["number"])
        double = f"""
            count = 0
            for x in a:
                for y in a:
                    if {relation}:
                        count += 1
            print(count)
            """
        return after_reading([double])
