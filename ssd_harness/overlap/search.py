"""Look the evaluated problems up in sketches of prompts."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.overlap import sketch
from ssd_harness.overlap.ngrams import NGRAM, ngrams, whole, words

BOILERPLATE = 5
"""A 13-gram that so many prompts hold says nothing about any problem."""


@dataclass(frozen=True, slots=True)
class EvaluatedText:
    """An evaluated problem: what it asks, and other forms in which a prompt may hold it."""

    id: str
    text: str
    forms: tuple[str, ...] = ()
    """Compared as wholes only: instructions around the question are the task's, and no part of the problem."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A prompt and an evaluated problem that share text."""

    prompt: str
    problem: str
    words: str
    """The first words that they share, up to 13, as they are compared."""
    places: int
    """In how many places of the problem 13 words begin that the prompt holds too."""
    equal: bool
    """Whether the whole texts are equal."""


def search(
    sketches: Iterable[Path], problems: Sequence[EvaluatedText], *, without: Collection[str] = ()
) -> list[Overlap]:
    """Return every pair of a prompt and a problem that overlap, in the prompts' order; memory stays flat.

    Prompts of several sketches count together. A copy of a whole text always counts, however many prompts hold it.
    Prompts whose ids are in ``without`` are passed over.
    """
    import numpy as np

    asked = _Asked(problems)
    holders: dict[int, list[tuple[int, str]]] = {}
    counts = np.zeros(len(asked.ngrams), np.int64)
    equal: dict[tuple[int, str], set[int]] = {}
    first = 0
    for path in sketches:
        for rows in sketch.read(path):
            left = [row for row, name in enumerate(rows.ids) if name not in without]
            for number, row in _hits(rows.whole, rows.whole_rows, asked.wholes, left):
                equal.setdefault((first + row, rows.ids[row]), set()).update(asked.problems_of_whole[number])
            for number, row in _hits(rows.ngrams, rows.ngram_rows, asked.ngrams, left):
                counts[number] += 1
                if counts[number] < BOILERPLATE:
                    holders.setdefault(number, []).append((first + row, rows.ids[row]))
            first += len(rows.ids)
    # prompt → problem → places in the problem whose 13 words the prompt holds too
    found: dict[tuple[int, str], dict[int, list[int]]] = {
        prompt: {problem: [] for problem in problems} for prompt, problems in equal.items()
    }
    for number, prompts in holders.items():
        if counts[number] < BOILERPLATE:
            for problem, place in asked.places(number):
                for prompt in prompts:
                    found.setdefault(prompt, {}).setdefault(problem, []).append(place)
    return [
        Overlap(
            prompt[1],
            _storable(problems[problem].id),
            asked.words(problem, min(places, default=0)),
            len(places),
            problem in equal.get(prompt, ()),
        )
        for prompt, by_problem in sorted(found.items())
        for problem, places in sorted(by_problem.items())
    ]


class _Asked:
    """The problems' numbers, sorted, and the way back from a number to problems and words."""

    def __init__(self, problems: Sequence[EvaluatedText]) -> None:
        import numpy as np

        self._words = [words(problem.text) for problem in problems]
        by_whole: dict[int, set[int]] = {}
        for index, problem in enumerate(problems):
            for found in (self._words[index], *map(words, problem.forms)):
                if found:
                    by_whole.setdefault(whole(found), set()).add(index)
        self.wholes = np.array(sorted(by_whole), np.uint64)
        self.problems_of_whole = [by_whole[number] for number in sorted(by_whole)]
        each = [ngrams(found) for found in self._words]
        numbers = np.concatenate(each) if each else np.empty(0, np.uint64)
        self._owner = np.repeat(np.arange(len(each)), [len(one) for one in each])
        self._place = np.concatenate([np.arange(len(one)) for one in each]) if each else np.empty(0, int)
        order = np.argsort(numbers, kind="stable")
        self._sorted, self._order = numbers[order], order
        self.ngrams = np.unique(numbers)

    def words(self, problem: int, place: int) -> str:
        return " ".join(self._words[problem][place : place + NGRAM])

    def places(self, number: int) -> list[tuple[int, int]]:
        """Return (problem, place in it) wherever the 13-gram occurs; ``number`` counts in ``ngrams``."""
        import numpy as np

        low, high = (np.searchsorted(self._sorted, self.ngrams[number], side=side) for side in ("left", "right"))
        return [(int(self._owner[entry]), int(self._place[entry])) for entry in self._order[low:high]]


def _storable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def _hits(numbers: Any, rows: Any, wanted: Any, left: Sequence[int]) -> list[tuple[int, int]]:
    """Return (index into ``wanted``, row) for every row of ``left`` that holds a wanted number, each once."""
    import numpy as np

    if not len(wanted) or not len(numbers):
        return []
    at = np.minimum(np.searchsorted(wanted, numbers), len(wanted) - 1)
    hit = (wanted[at] == numbers) & np.isin(rows, left)
    return [(int(number), int(row)) for number, row in np.unique(np.stack([at[hit], rows[hit]], axis=1), axis=0)]
