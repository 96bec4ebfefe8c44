"""Hard, functional: remove a pair of letters until there is none left."""

import random
from collections.abc import Sequence
from typing import ClassVar

from problem_families.family import Arguments, Family, Parameters

_PAIRS = tuple(x + y for x in "abcdef" for y in "abcdef" if x != y)
_RESULTS = {"the rest": "{}", "the rest twice": "{} * 2", "the rest reversed": "{}[::-1]"}


class Collapse(Family):
    """Cancel a pair of letters again and again; removing one may bring the next together."""

    name = "collapse"
    title = "Collapse"
    difficulty = "hard"
    signature = "collapse(self, s: str) -> str"
    space: ClassVar = {"pair": _PAIRS, "result": tuple(_RESULTS)}

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        pair, result = f'"{p["pair"]}"', p["result"]
        return (
            f"While s has {pair} in it, remove it. Return {result}.",
            f"Remove {pair} from s again and again. Return {result}.",
            f"In s, each {pair} vanishes, even one that this brings together. Return {result}.",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return f'"{p["pair"]}", {p["result"]}'

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """Nothing, nothing to remove, wrong order, nested, nested in a row."""
        x, y = p["pair"]
        words = ("", x, x + y, y + x, x * 3 + y * 3, x + x + y, x + y + y, f"{x}{x}{y}{x}{y}{y}", f"{x}z{y}")
        return tuple((word,) for word in (*words, f"z{x}{x}{y}{y}q{x}", f"{y}{x}{x}{y}{x}", (x * 5 + y * 5) * 2 + "ok"))

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw a word in which the pair is frequent."""
        x, y = p["pair"]
        return ("".join(rng.choice((x, x, y, y, x + y, rng.choice("ghk"))) for _ in range(size)),)

    def answer(self, p: Parameters, s: str) -> str:  # type: ignore[override]
        """Search and cut, one pair at a time."""
        while (position := s.find(p["pair"])) >= 0:
            s = s[:position] + s[position + 2 :]
        return {"the rest": s, "the rest twice": s * 2, "the rest reversed": s[::-1]}[p["result"]]

    def right(self, p: Parameters) -> Sequence[str]:
        """Replace in a loop, keep a stack, let a word grow, search and cut."""
        (x, y), pair, result = p["pair"], p["pair"], _RESULTS[p["result"]]
        return [
            f"""
            while "{pair}" in s:
                s = s.replace("{pair}", "")
            return {result.format("s")}
            """,
            f"""
            st = []
            for c in s:
                if c == "{y}" and st and st[-1] == "{x}":
                    st.pop()
                else:
                    st.append(c)
            return {result.format('"".join(st)')}
            """,
            f"""
            t = ""
            for c in s:
                t += c
                if t.endswith("{pair}"):
                    t = t[:-2]
            return {result.format("t")}
            """,
            f"""
            i = s.find("{pair}")
            while i >= 0:
                s = s[:i] + s[i + 2:]
                i = s.find("{pair}")
            return {result.format("s")}
            """,
        ]

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Go through the word only once."""
        return [f's = s.replace("{p["pair"]}", "")\nreturn {_RESULTS[p["result"]].format("s")}']
