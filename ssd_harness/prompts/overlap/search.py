"""Find evaluated problems in sketches of prompts."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.prompts.overlap import first_rule, sketch
from ssd_harness.prompts.overlap.ngrams import NGRAM, distinct, ngrams, whole, words
from ssd_harness.prompts.overlap.story import PROSE_NGRAM, places, story


@dataclass(frozen=True, slots=True)
class EvaluatedText:
    """An evaluated problem: its statement, and other forms in which a prompt may contain it."""

    id: str
    text: str
    forms: tuple[str, ...] = ()
    """Compared only as a whole, because they include instructions of the task."""
    contest: bool = False
    """Whether it is a LiveCodeBench problem, which is compared by its story; others are compared by 13-grams."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A prompt and an evaluated problem that overlap."""

    prompt: str
    problem: str
    words: str
    """The first shared n-gram, normalised: 4 words of a story's prose, or 13 words."""
    share: float
    """Share of the problem's weight that the prompt contains, from 0 to 1."""
    equal: bool
    """Whether the whole texts are equal."""


def search(
    sketches: Iterable[Path], problems: Sequence[EvaluatedText], *, without: Collection[str] = ()
) -> list[Overlap]:
    """Return all overlapping pairs of a prompt and a problem, in the order of the prompts, in bounded memory.

    A copy of a whole text always counts. The number of prompts that contain a text does not matter, except for sketches
    of the first version. Prompts whose ids are in ``without`` are ignored.
    """
    paths = list(sketches)
    old = [path for path in paths if sketch.version(path) == sketch.FIRST]
    paths = [*old, *(path for path in paths if path not in old)]
    index = _ProblemIndex(problems)
    # (position of the prompt, its id, position of the problem) → share and first shared words
    shares: dict[first_rule.Pair, tuple[float, str]] = {
        pair: (share, index.words(pair[2], shared, by_story=False))
        for pair, (share, shared) in first_rule.shares(old, [problem.text for problem in problems], without).items()
    }
    equal: set[first_rule.Pair] = set()
    first = 0
    for path in paths:
        for rows in sketch.read(path):
            for row, problem in index.equal(rows):
                equal.add((first + row, rows.ids[row], problem))
            for row, problem, share, shared in index.shared(rows) if path not in old else ():
                shares[first + row, rows.ids[row], problem] = share, shared
            first += len(rows.ids)
    return [
        Overlap(pair[1], _storable(problems[pair[2]].id), shared, round(share, 4), pair in equal)
        for pair in sorted(equal | shares.keys())
        for share, shared in [shares.get(pair) or (1.0, index.words(pair[2], (), by_story=False))]
        if pair[1] not in without
    ]


class _ProblemIndex:
    """The hashes of the problems for each rule, and the words of a shared hash."""

    def __init__(self, problems: Sequence[EvaluatedText]) -> None:
        import numpy as np

        from ssd_harness.prompts.overlap.index import statement_index
        from ssd_harness.prompts.overlap.livecodebench import shipped

        self._problems = problems
        by_whole: dict[int, list[int]] = {}
        for place, problem in enumerate(problems):
            for number in {whole(text) for text in (problem.text, *problem.forms)} - {None}:
                by_whole.setdefault(number or 0, []).append(place)
        self._wholes, self._by_whole = np.array(sorted(by_whole), np.uint64), by_whole
        self._contest = [place for place, problem in enumerate(problems) if problem.contest]
        self._other = [place for place, problem in enumerate(problems) if not problem.contest]
        self._stories = shipped().of([problems[place].text for place in self._contest]) if self._contest else None
        self._statements = statement_index([distinct([problems[place].text]) for place in self._other])

    def equal(self, rows: sketch.Rows) -> Iterator[tuple[int, int]]:
        """Yield (row, problem) for each prompt with a turn that equals a problem."""
        import numpy as np

        for place in np.flatnonzero(np.isin(rows.whole, self._wholes)):
            for problem in self._by_whole[int(rows.whole[place])]:
                yield int(rows.whole_rows[place]), problem

    def shared(self, rows: sketch.Rows) -> Iterator[tuple[int, int, float, str]]:
        """Yield (row, problem, share, first shared words) for each prompt that contains enough of a problem."""
        for index, positions, numbers, of_rows, by_story in (
            (self._stories, self._contest, rows.prose, rows.prose_rows, True),
            (self._statements, self._other, rows.ngrams, rows.ngram_rows, False),
        ):
            for hit in index.hits(numbers, of_rows) if index else ():
                problem = positions[hit.problem]
                first = self.words(problem, numbers[of_rows == hit.row], by_story=by_story)
                yield hit.row, problem, hit.share, first

    def words(self, problem: int, numbers_in_prompt: Any, *, by_story: bool) -> str:
        """Return the words of the problem's first n-gram in ``numbers_in_prompt``, else of its first n-gram."""
        import numpy as np

        text = self._problems[problem].text
        numbers, of_problem = places(story(text)) if by_story else (ngrams(words(text)), words(text))
        shared = np.flatnonzero(np.isin(numbers, np.asarray(numbers_in_prompt, np.uint64)))
        start = int(shared[0]) if len(shared) else 0
        return " ".join(of_problem[start : start + (PROSE_NGRAM if by_story else NGRAM)])


def _storable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
