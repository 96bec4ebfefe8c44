"""Medium, functional: cut a list into blocks and keep one number of each."""

import random
from collections.abc import Callable, Sequence
from typing import ClassVar

from problem_families.family import Arguments, Family, Parameters

_FOLDS: dict[str, tuple[str, Callable[[list[int]], int]]] = {
    "sum": ("sum({})", sum),
    "maximum": ("max({})", max),
    "minimum": ("min({})", min),
    "last element": ("{}[-1]", lambda block: block[-1]),
}


class Blocks(Family):
    """Fold blocks of equal size; a shorter rest is kept or dropped."""

    name = "blocks"
    title = "Blocks"
    difficulty = "medium"
    signature = "foldBlocks(self, nums: List[int]) -> List[int]"
    space: ClassVar = {"fold": tuple(_FOLDS), "size": (2, 3, 4, 5, 6, 7, 8, 9), "rest": ("keep", "drop")}

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        fold, size, rest = p["fold"], p["size"], p["rest"]
        return (
            f"Cut nums into blocks of {size}, {rest} a shorter last one, and return each block's {fold}.",
            f"Return the {fold} of every block of {size} elements in nums; {rest} the rest if it is shorter.",
            f"Give the list of the {fold} of blocks of {size} from nums. A short block at the end: {rest} it.",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return f"{p['fold']}, blocks of {p['size']}, {p['rest']}"

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """Empty, shorter than a block, whole blocks, one element too few or too many."""
        k = p["size"]
        sizes = (0, 1, k - 1, k, k + 1, 2 * k - 1, 2 * k, 3 * k + 1)
        return tuple(([(i * 7 + 3) % 11 - 5 for i in range(size)],) for size in sizes)

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw small integers of both signs."""
        return ([rng.randint(-9, 20) for _ in range(size)],)

    def answer(self, p: Parameters, nums: list[int]) -> list[int]:  # type: ignore[override]
        """Cut, then fold."""
        blocks = [nums[i : i + p["size"]] for i in range(0, len(nums), p["size"])]
        if p["rest"] == "drop":
            blocks = [block for block in blocks if len(block) == p["size"]]
        return [_FOLDS[p["fold"]][1](block) for block in blocks]

    def right(self, p: Parameters) -> Sequence[str]:
        """Slice in a comprehension or in a loop, let a block grow, cut from the front."""
        k, fold = p["size"], _FOLDS[p["fold"]][0]
        keep = p["rest"] == "keep"
        end = "len(nums)" if keep else f"len(nums) - {k - 1}"
        growing = f"""
            res = []
            b = []
            for x in nums:
                b.append(x)
                if len(b) == {k}:
                    res.append({fold.format("b")})
                    b = []
            return res
            """
        if keep:
            rest = f"if b:\n                res.append({fold.format('b')})\n            return res"
            growing = growing.replace("return res", rest)
        return [
            f"return [{fold.format(f'nums[i:i + {k}]')} for i in range(0, {end}, {k})]",
            f"""
            res = []
            for i in range(0, {end}, {k}):
                b = nums[i:i + {k}]
                res.append({fold.format("b")})
            return res
            """,
            growing,
            f"""
            out = []
            while {"nums" if keep else f"len(nums) >= {k}"}:
                out.append({fold.format(f"nums[:{k}]")})
                nums = nums[{k}:]
            return out
            """,
        ]

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Do with the rest what was not asked for."""
        k, fold = p["size"], _FOLDS[p["fold"]][0]
        if p["rest"] == "keep":
            return [
                f"n = len(nums) // {k}\nreturn [{fold.format(f'nums[i * {k}:i * {k} + {k}]')} for i in range(n)]",
            ]
        return [f"b = [nums[i:i + {k}] for i in range(0, len(nums), {k})]\nreturn [{fold.format('x')} for x in b]"]
