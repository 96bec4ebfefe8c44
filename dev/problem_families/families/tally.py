"""Easy, standard input: sum, count, or extreme of the numbers that meet a condition."""

import random
from collections.abc import Callable, Sequence
from typing import ClassVar

from problem_families.conditions import CONDITIONS, code, edge_values, holds
from problem_families.family import Arguments, Family, Parameters
from problem_families.reading import after_reading

_FOLDS: dict[str, Callable[[list[int]], int]] = {"sum": sum, "number": len, "largest": max, "smallest": min}


class Tally(Family):
    """Fold the elements that meet a condition into one number."""

    name = "tally"
    title = "Tally"
    difficulty = "easy"
    space: ClassVar = {"fold": ("sum", "number", "largest", "smallest"), "condition": CONDITIONS}

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        return (
            f"Read N, then N integers. Print the {p['fold']} of those {p['condition']}, or 0 if there are none.",
            f"N and N integers are given. Of the {p['condition']} ones print the {p['fold']}; without any, print 0.",
            f"Print the {p['fold']} of the integers {p['condition']}, or 0. Given: N, then N integers.",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return f"{p['fold']}, {p['condition']}"

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """None that fits, all that fit, only the last, all below zero."""
        fit, misfit = edge_values(p["condition"])
        below = [v for v in fit if v < 0] or fit
        return (
            ([misfit[0]],),
            ([misfit[-1]],),
            ([fit[0]],),
            (misfit,),
            (fit,),
            ([*misfit, fit[-1]],),
            (below,),
            ([fit[-1], *misfit],),
        )

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw small integers of both signs."""
        return ([rng.randint(-20, 20) for _ in range(size)],)

    def answer(self, p: Parameters, a: list[int]) -> int:  # type: ignore[override]
        """Fold what fits."""
        fit = [v for v in a if holds(p["condition"], v)]
        if not fit:
            return 0
        return _FOLDS[p["fold"]](fit)

    def right(self, p: Parameters) -> Sequence[str]:
        """Comprehension, filtered list, loop with a flag, loop over indices."""
        return after_reading(_adding(p) if p["fold"] in {"sum", "number"} else _choosing(p))

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Start the extreme at 0, or leave the last element out."""
        fits = code(p["condition"])
        if p["fold"] in {"sum", "number"}:
            step = "a[i]" if p["fold"] == "sum" else "1"
            body = f"""
                total = 0
                for i in range(n - 1):
                    if {code(p["condition"], "a[i]")}:
                        total += {step}
                print(total)
                """
            return after_reading([body])
        sign = ">" if p["fold"] == "largest" else "<"
        body = f"""
            best = 0
            for x in a:
                if {fits} and x {sign} best:
                    best = x
            print(best)
            """
        starts_apart = any(self.answer(p, *case) != _from_zero(p, *case) for case in self.edges(p))
        return after_reading([body]) if starts_apart else after_reading([f"print({_builtin(p)}(a))"])


def _builtin(p: Parameters) -> str:
    return "max" if p["fold"] == "largest" else "min"


def _from_zero(p: Parameters, a: list[int]) -> int:
    fit = [v for v in a if holds(p["condition"], v)]
    return max([0, *fit]) if p["fold"] == "largest" else min([0, *fit])


def _adding(p: Parameters) -> list[str]:
    fits, step = code(p["condition"]), "x" if p["fold"] == "sum" else "1"
    fold = "sum" if p["fold"] == "sum" else "len"
    return [
        f"print(sum({step} for x in a if {fits}))",
        f"""
        b = [x for x in a if {fits}]
        print({fold}(b))
        """,
        f"""
        total = 0
        for x in a:
            if {fits}:
                total += {step}
        print(total)
        """,
        f"""
        res = 0
        for i in range(n):
            x = a[i]
            if {fits}:
                res = res + {step}
        print(res)
        """,
    ]


def _choosing(p: Parameters) -> list[str]:
    fits, choose = code(p["condition"]), _builtin(p)
    sign = ">" if choose == "max" else "<"
    return [
        f"print({choose}((x for x in a if {fits}), default=0))",
        f"""
        b = [x for x in a if {fits}]
        print({choose}(b) if b else 0)
        """,
        f"""
        best = None
        for x in a:
            if {fits}:
                if best is None or x {sign} best:
                    best = x
        print(best or 0)
        """,
        f"""
        b = []
        for x in a:
            if {fits}:
                b.append(x)
        if b:
            print({choose}(b))
        else:
            print(0)
        """,
    ]
