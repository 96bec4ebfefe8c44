"""Easy, standard input: change or count a letter of a word."""

import random
import textwrap
from collections.abc import Sequence
from typing import ClassVar

from problem_families.family import Arguments, Family, Parameters

_LETTERS = "abcdefgh"
_READERS = ("s = input()\n", "s = input().strip()\n", "import sys\ns = sys.stdin.readline().strip()\n")


class Letters(Family):
    """Remove, double or replace every occurrence of one letter."""

    name = "letters"
    title = "Letters"
    difficulty = "easy"
    space: ClassVar = {
        "letter": tuple(_LETTERS),
        "action": ("removed", "doubled", *(f'turned into "{c}"' for c in "xyzuvw")),
    }

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        letter, action = p["letter"], p["action"]
        return (
            f'Read a word S. Print it with each "{letter}" {action}.',
            f'Given a word of small letters, print it with each "{letter}" {action}.',
            f'In a given word, each "{letter}" is to be {action}. Print it.',
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return f'each "{p["letter"]}" {p["action"]}'

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """One letter, none of it, in a row, at both ends, and everywhere."""
        c = p["letter"]
        other = "k" if c != "k" else "m"
        words = (other, f"{c}{other}", f"{other}{c}", c * 2 + other, f"{c}{other}{c}{other}{c}", other * 5)
        return tuple((word,) for word in (*words, f"{other}{c}{c}{c}{other}{c}", f"{c}zz{c}xy{c}"))

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw a word in which the letter is frequent."""
        word = [rng.choice(_LETTERS + p["letter"] * 5) for _ in range(size + 1)]
        return ("".join(word) + "m",)

    def answer(self, p: Parameters, s: str) -> str:  # type: ignore[override]
        """Build the word letter by letter."""
        return "".join(_new(p) if c == p["letter"] else c for c in s)

    def right(self, p: Parameters) -> Sequence[str]:
        """Replace, choose in a comprehension or in a loop, split and join."""
        letter, new = p["letter"], _new(p)
        return _after_reading(
            f"""
            print(s.replace("{letter}", "{new}"))
            """,
            f"""
            print("".join("{new}" if c == "{letter}" else c for c in s))
            """,
            f"""
            res = ""
            for c in s:
                if c == "{letter}":
                    res += "{new}"
                else:
                    res += c
            print(res)
            """,
            f"""
            b = s.split("{letter}")
            print("{new}".join(b))
            """,
            f"""
            out = []
            for c in s:
                out.append("{new}" if c == "{letter}" else c)
            print("".join(out))
            """,
        )

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Change the first occurrence alone."""
        return _after_reading(
            f"""
            i = s.find("{p["letter"]}")
            if i >= 0:
                s = s[:i] + "{_new(p)}" + s[i + 1:]
            print(s)
            """
        )


def _new(p: Parameters) -> str:
    if p["action"] == "removed":
        return ""
    return str(p["letter"]) * 2 if p["action"] == "doubled" else str(p["action"])[-2]


def _after_reading(*bodies: str) -> list[str]:
    return [reader + textwrap.dedent(body).strip("\n") for reader in _READERS for body in bodies]
