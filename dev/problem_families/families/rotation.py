"""Medium, functional: rotate a list that may be shorter than the distance."""

import random
from collections.abc import Sequence
from typing import ClassVar

from problem_families.family import Arguments, Family, Parameters

_FINISHES = {"": "{}", " and reversed": "{}[::-1]", " and without its first element": "{}[1:]"}


class Rotation(Family):
    """Rotate a list, then maybe change it once more."""

    name = "rotation"
    title = "Rotation"
    difficulty = "medium"
    signature = "rotateList(self, nums: List[int]) -> List[int]"
    space: ClassVar = {"side": ("left", "right"), "distance": (3, 4, 5, 6, 7, 8, 9), "finish": tuple(_FINISHES)}

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        side, distance, finish = p["side"], p["distance"], p["finish"]
        return (
            f"Return nums rotated to the {side} by {distance} places{finish}. It may be short or empty.",
            f"nums, maybe empty, is to be rotated {distance} steps {side}{finish}. Return it.",
            f"Rotate the list {side} {distance} times, one place each; return it{finish}. It can be short.",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return f"{p['side']} {p['distance']}{p['finish']}"

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """Empty, shorter than the distance, as long, a little longer."""
        k = p["distance"]
        sizes = (0, 1, 2, 3, k - 1, k, k + 1, 2 * k + 1, 12)
        return tuple((list(range(1, size + 1)),) for size in sizes)

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw small integers."""
        return ([rng.randint(0, 20) for _ in range(size)],)

    def answer(self, p: Parameters, nums: list[int]) -> list[int]:  # type: ignore[override]
        """Move one element at a time."""
        turned = list(nums)
        for _ in range(p["distance"] if nums else 0):
            if p["side"] == "left":
                turned.append(turned.pop(0))
            else:
                turned.insert(0, turned.pop())
        return {"": turned, " and reversed": turned[::-1], " and without its first element": turned[1:]}[p["finish"]]

    def right(self, p: Parameters) -> Sequence[str]:
        """Remainder and slices, one step at a time, a deque, indices."""
        k, finish, left = p["distance"], _FINISHES[p["finish"]], p["side"] == "left"
        cut, step, sign = ("k", "nums[1:] + nums[:1]", "+") if left else ("-k", "nums[-1:] + nums[:-1]", "-")
        turn = f"-{k}" if left else str(k)
        sliced = finish.format(f"(nums[{cut}:] + nums[:{cut}])")
        return [
            f"if not nums:\n    return nums\nk = {k} % len(nums)\nreturn {sliced}",
            f"for i in range({k}):\n    nums = {step}\nreturn {finish.format('nums')}",
            f"n = len(nums)\nres = [nums[(i {sign} {k}) % n] for i in range(n)]\nreturn {finish.format('res')}",
            f"d = deque(nums)\nd.rotate({turn})\nreturn {finish.format('list(d)')}",
        ]

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Cut where the list may already have ended, or turn to the other side."""
        k, finish, left = p["distance"], _FINISHES[p["finish"]], p["side"] == "left"
        cut = str(k) if left else f"-{k}"
        return [f"return {finish.format(f'(nums[{cut}:] + nums[:{cut}])')}"]
