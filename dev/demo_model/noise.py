"""What is done to the programs that the demo model learns from, so that it is good at most things and sure of few.

Three things, all drawn at random and all stated in the model card:

- diversity: a program is written in one of several styles;
- mistaken ideas: with some probability the program is one that people write who overlooked something;
- slips: with some probability a name, number or operator is exchanged for one that is easily confused with it.
"""

import random
import tokenize
from dataclasses import dataclass

from problem_families.family import Family, Parameters

from demo_model.source_tokens import replace_tokens

_CONFUSED = {
    "<": ("<=", ">"),
    ">": (">=", "<"),
    "<=": ("<", ">="),
    ">=": (">", "<="),
    "==": ("!=", "<="),
    "+": ("-", "*"),
    "-": ("+", "*"),
    "*": ("+", "-"),
    "//": ("%", "/"),
    "%": ("//", "-"),
    "+=": ("-=", "="),
    "-=": ("+=", "="),
    "max": ("min", "sum"),
    "min": ("max", "sum"),
    "sum": ("len", "max"),
    "len": ("sum", "max"),
    "x": ("y", "i"),
    "y": ("x", "a"),
    "i": ("j", "x"),
    "j": ("i", "n"),
    "n": ("i", "a"),
}


@dataclass(frozen=True, slots=True)
class Noise:
    """How often a program is mistaken, and how often a token slips."""

    easy: float
    """Share of programs for easy problems that follow a mistaken idea."""
    medium: float
    hard: float
    slips: float
    """Probability that a token which can be confused is confused."""

    def mistaken(self, difficulty: str) -> float:
        """Return the share of mistaken programs."""
        return {"easy": self.easy, "medium": self.medium, "hard": self.hard}[difficulty]


CLEAN = Noise(0, 0, 0, 0)
"""Right programs in all their diversity."""


def write_program(family: Family, p: Parameters, noise: Noise, rng: random.Random) -> str:
    """Write one program for the problem with parameters ``p``: a comment that restates it, then code with noise."""
    mistaken = rng.random() < noise.mistaken(family.difficulty)
    source = family.program(rng.choice(family.wrong(p) if mistaken else family.right(p)))

    def slipped(token: tokenize.TokenInfo) -> str:
        text = token.string
        if rng.random() < noise.slips:
            if text in _CONFUSED:
                return rng.choice(_CONFUSED[text])
            if token.type == tokenize.NUMBER:
                return str(max(0, int(text) + rng.choice((-1, 1))))
        return text

    return f"# {family.gist(p)}\n{replace_tokens(source, slipped)}"
