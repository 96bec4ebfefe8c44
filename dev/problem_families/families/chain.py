"""Hard, functional: the longest subsequence whose neighbours keep a distance."""

import random
from collections.abc import Sequence
from typing import ClassVar

from problem_families.family import Arguments, Family, Parameters

# relation to the element before → Python expression: may x follow y?
_RELATIONS = {
    "exactly {} above": "x - y == {}",
    "exactly {} below": "y - x == {}",
    "at least {} above": "x - y >= {}",
    "at least {} below": "y - x >= {}",
    "at most {} from": "abs(x - y) <= {}",
}


class Chain(Family):
    """Choose elements in order so that each stands in a relation to the one before."""

    name = "chain"
    title = "Chain"
    difficulty = "hard"
    signature = "longestChain(self, nums: List[int]) -> int"
    space: ClassVar = {"relation": tuple(_RELATIONS), "number": (1, 2, 3, 4, 5, 6, 7, 8, 9)}

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        words = p["relation"].format(p["number"])
        return (
            f"The longest subsequence of nums with each element {words} the last: return its length.",
            f"How long is a longest chain in nums, each {words} the last? Gaps are fine.",
            f"Return the longest chain length in nums: each {words} the last, gaps allowed.",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return p["relation"].format(p["number"])

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """Nothing, one element, equal ones, one long chain up and down, chains with gaps."""
        k = p["number"]
        up = [k * i for i in range(6)]
        gaps = [v for i in range(5) for v in (k * i, 50 - i)]
        lists: tuple[list[int], ...] = (
            [],
            [4],
            [4, 4, 4],
            up,
            up[::-1],
            [0, 100, k, -100, 2 * k],
            gaps,
            gaps[::-1],
            [3, 1, 2, 9, 5, 40, 7],
        )
        return tuple((nums,) for nums in lists)

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw values so close that chains are frequent."""
        return ([rng.randint(0, 3 * p["number"] + 4) for _ in range(size)],)

    def answer(self, p: Parameters, nums: list[int]) -> int:  # type: ignore[override]
        """Extend the best chain that may come before each element."""
        k = p["number"]
        follows = {
            "exactly {} above": lambda x, y: x - y == k,
            "exactly {} below": lambda x, y: y - x == k,
            "at least {} above": lambda x, y: x - y >= k,
            "at least {} below": lambda x, y: y - x >= k,
            "at most {} from": lambda x, y: abs(x - y) <= k,
        }[p["relation"]]
        lengths: list[int] = []
        for x in nums:
            before = [length for y, length in zip(nums, lengths, strict=False) if follows(x, y)]
            lengths.append(1 + max(before, default=0))
        return max(lengths, default=0)

    def right(self, p: Parameters) -> Sequence[str]:
        """Use a list of pairs, a table by index, a table made by comprehensions or, where it is exact, a dictionary."""
        relation = _RELATIONS[p["relation"]].format(p["number"])
        indexed = relation.replace("x", "nums[i]").replace("y", "nums[j]")
        programs = [
            f"""
            d = []
            for x in nums:
                b = 0
                for y, v in d:
                    if {relation}:
                        b = max(b, v)
                d.append((x, b + 1))
            return max([v for y, v in d], default=0)
            """,
            f"""
            n = len(nums)
            dp = [1] * n
            for i in range(n):
                for j in range(i):
                    if {indexed}:
                        dp[i] = max(dp[i], dp[j] + 1)
            return max(dp, default=0)
            """,
            f"""
            res = [0]
            pairs = []
            for x in nums:
                b = 1 + max([v for y, v in pairs if {relation}], default=0)
                pairs.append((x, b))
                res.append(b)
            return max(res)
            """,
        ]
        if p["relation"].startswith("exactly"):
            sign = "-" if p["relation"].endswith("above") else "+"
            programs.append(
                f"""
                best = {{}}
                for x in nums:
                    best[x] = best.get(x {sign} {p["number"]}, 0) + 1
                return max(best.values(), default=0)
                """
            )
        return programs

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Allow no gaps."""
        relation = _RELATIONS[p["relation"]].format(p["number"])
        indexed = relation.replace("x", "nums[i]").replace("y", "nums[i - 1]")
        return [
            f"""
            if not nums:
                return 0
            length = best = 1
            for i in range(1, len(nums)):
                if {indexed}:
                    length += 1
                    best = max(best, length)
                else:
                    length = 1
            return best
            """
        ]
