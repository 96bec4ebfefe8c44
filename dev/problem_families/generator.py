"""Draw problems of the same families as ``livecodebench_mini`` that share nothing with it.

Never the parameters, never 13 words in a row, never a test: training on these gives no evaluated problem away.
"""

import dataclasses
import functools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from problem_families import mini
from problem_families.families import FAMILIES
from problem_families.family import Family
from problem_families.problem import Problem
from ssd_harness import prompt_styles as prompt_texts

OVERLAP = 13
"""Words in a row that count as the same text: the usual measure of contamination."""
MOST = 150_000
"""Prompts that may be asked for: the families take turns, and the smallest, ``stairs``, holds 14,000 statements."""
_MOST_MISSES = 2_000
"""Draws in a row that yield nothing new; of a family that is nine tenths drawn, one in ten does."""


@dataclass(frozen=True, slots=True)
class DrawnPrompt:
    """A prompt of the generator's, before any chat template."""

    id: str
    text: str
    """The user's turn."""
    problem: Problem
    """What it asks for, with tests; the first public one is the example in the text."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A problem with what it was made from, so that programs for it can be written."""

    family: Family
    parameters: dict[str, Any]
    problem: Problem


def prompts(*, seed: int, count: int) -> Iterator[DrawnPrompt]:
    """Yield ``count`` different prompts, in the words that the evaluation uses; fewer are the first of more."""
    for drawn in draw(seed=seed, count=count):
        text = prompt_texts.render(drawn.problem.row()).user
        yield DrawnPrompt(drawn.problem.question_id, text, drawn.problem)


def rows(*, seed: int, count: int) -> Iterator[dict[str, str]]:
    """Yield ``count`` different problems with their tests, in LiveCodeBench's schema."""
    for drawn in draw(seed=seed, count=count):
        yield drawn.problem.row()


def questions() -> int:
    """Return how many problems differ in what they ask, and not in their words or their example alone."""
    return sum(len(_free_parameters(name)) for name in FAMILIES)


def draw(*, seed: int, count: int) -> Iterator[Drawn]:
    """Yield ``count`` problems with different statements, families in turn.

    Raises :class:`ValueError` for more than :data:`MOST`, or where a family has no other one left.
    """
    if count > MOST:
        raise ValueError(f"the families hold fewer than {count} different problems")
    rng = random.Random(f"problems {seed}")
    free = {name: _free_parameters(name) for name in FAMILIES}
    seen: set[str] = set()
    misses = 0
    while len(seen) < count:
        name = list(FAMILIES)[len(seen) % len(FAMILIES)]
        parameters = rng.choice(free[name])
        problem = FAMILIES[name].problem(parameters, seed=str(rng.getrandbits(64)))
        if problem.statement in seen or _ngrams(problem.statement) & _mini_ngrams():
            misses += 1
            if misses > _MOST_MISSES:
                raise ValueError(f"the families hold fewer than {count} different problems")
            continue
        misses = 0
        seen.add(problem.statement)
        yield Drawn(FAMILIES[name], parameters, _without_mini_tests(problem))


@functools.cache
def _free_parameters(name: str) -> list[dict[str, Any]]:
    return [parameters for parameters in FAMILIES[name].instances() if parameters not in mini.CHOSEN[name]]


def _without_mini_tests(problem: Problem) -> Problem:
    taken = _mini_tests()
    public = tuple(case for case in problem.public if case not in taken)
    return dataclasses.replace(
        problem, public=public, private=tuple(case for case in problem.private if case not in taken)
    )


@functools.cache
def _mini_tests() -> frozenset[Any]:
    return frozenset(case for problem in mini.problems() for case in problem.public + problem.private)


@functools.cache
def _mini_ngrams() -> frozenset[tuple[str, ...]]:
    return frozenset().union(*(_ngrams(problem.statement) for problem in mini.problems()))


def _ngrams(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return frozenset(tuple(words[i : i + OVERLAP]) for i in range(max(1, len(words) - OVERLAP + 1)))
