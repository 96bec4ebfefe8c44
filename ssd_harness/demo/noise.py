"""What is done to the programs that the demo model learns from, so that it is good at most things and sure of few.

Three things, all drawn at random and all stated in the model card:

- diversity: a program is written in one of several styles, with one of several names;
- mistaken ideas: with some probability the program is one that people write who overlooked something;
- slips: with some probability a name, number or operator is exchanged for one that is easily confused with it.
"""

import random
import tokenize
from dataclasses import dataclass

from ssd_harness.demo.source_tokens import replace_tokens
from ssd_harness.problems.family import Family, Parameters

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
_NAMES = {"a": ("a", "nums", "arr"), "res": ("res", "ans")}


@dataclass(frozen=True, slots=True)
class Noise:
    """How often a program is mistaken, and how often a token slips."""

    mistaken: float = 0.4
    """Share of programs that follow a mistaken idea."""
    slips: float = 0.04
    """Probability that a token which can be confused is confused."""


def write_program(family: Family, p: Parameters, noise: Noise, rng: random.Random) -> str:
    """Write one program for the problem with parameters ``p``, noise included."""
    mistaken = rng.random() < noise.mistaken
    source = family.program(rng.choice(family.wrong(p) if mistaken else family.right(p)))
    # A functional program's arguments are named by its starter code and the judge.
    names = {} if family.signature else {old: rng.choice(new) for old, new in _NAMES.items()}

    def spoken(token: tokenize.TokenInfo) -> str:
        text = token.string
        if rng.random() < noise.slips:
            if text in _CONFUSED:
                return rng.choice(_CONFUSED[text])
            if token.type == tokenize.NUMBER:
                return str(max(0, int(text) + rng.choice((-1, 1))))
        return names.get(text, text)

    return replace_tokens(source, spoken)
