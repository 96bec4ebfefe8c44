"""Medium, standard input: the longest run of neighbours that meet a condition."""

import random
from collections.abc import Sequence
from typing import ClassVar

from problem_families.conditions import CONDITIONS, code, edge_values, holds
from problem_families.family import Arguments, Family, Parameters
from problem_families.reading import after_reading


class Streak(Family):
    """Measure or count runs of fitting neighbours."""

    name = "streak"
    title = "Streak"
    difficulty = "medium"
    space: ClassVar = {"what": ("longest run", "number of runs"), "condition": CONDITIONS}

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        what, condition = p["what"], p["condition"]
        return (
            f"Print the {what} of neighbours {condition}. Given: N, then N integers.",
            f"Among N integers, print the {what} of neighbours {condition}. N comes first.",
            f"A run has neighbours that are {condition}. Print the {what} of N integers.",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return f"{p['what']}, {p['condition']}"

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """None that fits, all that fit, the longest at either end, alternating."""
        fit, misfit = edge_values(p["condition"])
        x, y = fit[0], misfit[0]
        lists = ([y], [x], [y, y, y], fit, [x, y, x, x], [x, x, x, y, x], [x, y] * 4, [y, x] * 4, [y, x, x, y, y, x])
        return tuple((a,) for a in lists)

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw values near the condition's border, in short runs."""
        fit, misfit = edge_values(p["condition"])
        return ([rng.choice(rng.choice((fit, fit, misfit))) for _ in range(size)],)

    def answer(self, p: Parameters, a: list[int]) -> int:  # type: ignore[override]
        """Split the marks at every misfit."""
        runs = "".join("x" if holds(p["condition"], v) else " " for v in a).split()
        if p["what"] == "number of runs":
            return len(runs)
        return max(map(len, runs), default=0)

    def right(self, p: Parameters) -> Sequence[str]:
        """Counter with reset, marks split at misfits, walk with an index, look at the neighbour before."""
        fits = code(p["condition"])
        return after_reading(_counting(fits) if p["what"] == "number of runs" else _longest(fits))

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Close a run only when a misfit follows it."""
        fits = code(p["condition"])
        if p["what"] == "number of runs":
            body = f"""
                cur = 0
                res = 0
                for x in a:
                    if {fits}:
                        cur += 1
                    elif cur > 0:
                        res += 1
                        cur = 0
                print(res)
                """
        else:
            body = f"""
                cur = 0
                res = 0
                for x in a:
                    if {fits}:
                        cur += 1
                    else:
                        res = max(res, cur)
                        cur = 0
                print(res)
                """
        return after_reading([body])


def _longest(fits: str) -> list[str]:
    return [
        f"""
        best = 0
        cur = 0
        for x in a:
            if {fits}:
                cur += 1
                best = max(best, cur)
            else:
                cur = 0
        print(best)
        """,
        f"""
        s = "".join("1" if {fits} else " " for x in a)
        print(max((len(t) for t in s.split()), default=0))
        """,
        f"""
        runs = [0]
        for x in a:
            if {fits}:
                runs[-1] += 1
            else:
                runs.append(0)
        print(max(runs))
        """,
        f"""
        d = [0] * (n + 1)
        for i, x in enumerate(a):
            if {fits}:
                d[i + 1] = d[i] + 1
        print(max(d))
        """,
    ]


def _counting(fits: str) -> list[str]:
    return [
        f"""
        count = 0
        last = False
        for x in a:
            fit = {fits}
            if fit and not last:
                count += 1
            last = fit
        print(count)
        """,
        f"""
        s = "".join("1" if {fits} else " " for x in a)
        print(len(s.split()))
        """,
        f"""
        b = [False] + [{fits} for x in a]
        print(sum(1 for i in range(n) if b[i + 1] and not b[i]))
        """,
        f"""
        runs = [0]
        for x in a:
            if {fits}:
                runs[-1] += 1
            else:
                runs.append(0)
        print(sum(1 for r in runs if r > 0))
        """,
    ]
