"""Easy, functional: a fold over the digits of a number in some base."""

import random
from collections.abc import Callable, Sequence
from typing import ClassVar

from problem_families.family import Arguments, Family, Parameters

_FOLDS: dict[str, Callable[[list[int]], int]] = {"sum": sum, "number": len, "largest": max, "smallest": min}


class Digits(Family):
    """Take a number apart in a base other than ten."""

    name = "digits"
    title = "Digits in a base"
    difficulty = "easy"
    signature = "foldDigits(self, n: int) -> int"
    space: ClassVar = {
        "fold": tuple(_FOLDS),
        "base": (2, 3, 4, 5, 6, 7, 8, 9),
        "step": ("", "plus 1", "plus 2", "times 2"),
    }

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        step = f" {p['step']}" if p["step"] else ""
        return (
            f"Write n in base {p['base']} and return the {p['fold']} of its digits{step}.",
            f"Return the {p['fold']} of the digits that n has in base {p['base']}{step}.",
            f"Take the digits of n in base {p['base']}. What is their {p['fold']}{step}?",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return f"{p['fold']}, base {p['base']}, {p['step']}".removesuffix(", ")

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """Zero, one digit, round numbers and their neighbours."""
        base = p["base"]
        return tuple((n,) for n in (0, 1, base - 1, base, base + 1, base**3, base**3 - 1, base**5 + base, 10**9))

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw a number of up to ``size`` decimal digits."""
        return (rng.randint(1, 10 ** min(size, 9)),)

    def answer(self, p: Parameters, n: int) -> int:  # type: ignore[override]
        """Divide until nothing is left; zero has the one digit 0."""
        digits = [n % p["base"]]
        while n >= p["base"]:
            n //= p["base"]
            digits.append(n % p["base"])
        result = _FOLDS[p["fold"]](digits)
        return {"": result, "plus 1": result + 1, "plus 2": result + 2, "times 2": result * 2}[p["step"]]

    def right(self, p: Parameters) -> Sequence[str]:
        """Digits into a list by three loops, or recursion."""
        base, end = p["base"], _result(p)
        return [
            f"""
            d = []
            while n >= {base}:
                d.append(n % {base})
                n //= {base}
            d.append(n)
            return {end}
            """,
            f"""
            d = [n % {base}]
            while n >= {base}:
                n = n // {base}
                d.append(n % {base})
            return {end}
            """,
            f"""
            if n == 0:
                d = [0]
            else:
                d = []
            while n > 0:
                n, r = divmod(n, {base})
                d.append(r)
            return {end}
            """,
            f"""
            def f(m):
                if m < {base}:
                    return [m]
                return f(m // {base}) + [m % {base}]
            d = f(n)
            return {end}
            """,
        ]

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Forget that zero has a digit, or that the base is not ten."""
        base, end = p["base"], _result(p)
        decimal = f"d = [int(c) for c in str(n)]\nreturn {end}"
        if p["fold"] == "sum":
            return [decimal]
        return [f"d = []\nwhile n > 0:\n    d.append(n % {base})\n    n //= {base}\nreturn {end}", decimal]


def _result(p: Parameters) -> str:
    fold = "len" if p["fold"] == "number" else {"largest": "max", "smallest": "min"}.get(p["fold"], p["fold"])
    step = {"": "", "plus 1": " + 1", "plus 2": " + 2", "times 2": " * 2"}[p["step"]]
    return f"{fold}(d){step}"
