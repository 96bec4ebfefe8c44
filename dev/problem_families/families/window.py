"""Hard, standard input: the best block of a fixed number of neighbours."""

import random
from collections.abc import Sequence
from typing import ClassVar

from problem_families.family import Arguments, Family, Parameters
from problem_families.reading import after_reading

# measure → (Python expression over the block b, the same as a function)
_MEASURES = {
    "sum": ("sum(b)", sum),
    "spread": ("max(b) - min(b)", lambda b: max(b) - min(b)),
    "product of the ends": ("b[0] * b[-1]", lambda b: b[0] * b[-1]),
}


class Window(Family):
    """Take the largest or smallest measure over all windows."""

    name = "window"
    title = "Window"
    difficulty = "hard"
    space: ClassVar = {
        "choice": ("largest", "smallest"),
        "measure": tuple(_MEASURES),
        "size": (2, 3, 4, 5, 6, 7),
        "missing": (0, -1),
    }

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question; the spread is the maximum minus the minimum."""
        choice, measure, size, missing = p["choice"], p["measure"], p["size"], p["missing"]
        return (
            f"Print the {choice} {measure} of {size} neighbours, or {missing} if N < {size}. Given N, then N integers.",
            f"Over windows of {size} in N integers print the {choice} {measure}, or {missing}.",
            f"What is the {choice} {measure} over {size} integers in a row? Print {missing} if N is less.",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return f"{p['choice']} {p['measure']} of {p['size']} or {p['missing']}"

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """Too short, exactly one window, the best at either end, all negative, all positive."""
        k = p["size"]
        up, down = list(range(1, k + 3)), list(range(-1, -k - 4, -1))
        return (
            ([4],),
            ([3] * (k - 1),),
            (list(range(2, k + 2)),),
            (up,),
            (up[::-1],),
            (down,),
            (down[::-1],),
            ([0] * k + [9, -9],),
            ([9, -9] + [0] * k,),
            ([-7] + [3] * k + [8],),
            ([8] + [3] * k + [-7],),
        )

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw a little more than one window at least."""
        return ([rng.randint(-20, 20) for _ in range(max(size, p["size"] + size % 2))],)

    def answer(self, p: Parameters, a: list[int]) -> int:  # type: ignore[override]
        """Measure every window."""
        size = p["size"]
        if len(a) < size:
            return int(p["missing"])
        choose = max if p["choice"] == "largest" else min
        return choose(_MEASURES[p["measure"]][1](a[i : i + size]) for i in range(len(a) - size + 1))

    def right(self, p: Parameters) -> Sequence[str]:
        """Default of an empty choice, a list of measures, a loop with a flag, ends of windows."""
        k, missing, measure = p["size"], p["missing"], _MEASURES[p["measure"]][0]
        choose, sign = ("max", ">") if p["choice"] == "largest" else ("min", "<")
        return after_reading(
            [
                f"""
                res = []
                for i in range(n - {k - 1}):
                    b = a[i:i + {k}]
                    res.append({measure})
                print({choose}(res) if res else {missing})
                """,
                f"""
                def f(b):
                    return {measure}
                print({choose}((f(a[i:i + {k}]) for i in range(n - {k - 1})), default={missing}))
                """,
                f"""
                best = None
                for i in range(n - {k - 1}):
                    b = a[i:i + {k}]
                    v = {measure}
                    if best is None or v {sign} best:
                        best = v
                print({missing} if best is None else best)
                """,
                f"""
                w = [a[i - {k}:i] for i in range({k}, n + 1)]
                if w:
                    print({choose}({measure} for b in w))
                else:
                    print({missing})
                """,
            ]
        )

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Miss the last window."""
        k, missing, measure = p["size"], p["missing"], _MEASURES[p["measure"]][0]
        choose = "max" if p["choice"] == "largest" else "min"
        return after_reading(
            [
                f"""
                v = []
                for i in range(n - {k}):
                    b = a[i:i + {k}]
                    v.append({measure})
                print({choose}(v) if v else {missing})
                """
            ]
        )
