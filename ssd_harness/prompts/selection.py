"""Select the prompts of a source: drop duplicates, excluded prompts, and those that overlap LiveCodeBench."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator

from ssd_harness.errors import UsageError
from ssd_harness.extensions.contracts import Prompt
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts import prompt_tests
from ssd_harness.prompts.overlap import livecodebench
from ssd_harness.prompts.prompt_style import worded
from ssd_harness.recipe.definition import Recipe

MOST_OVERLAPS = 0.01
"""Share of the prompts that may overlap LiveCodeBench's problems; with more, the data set as a whole is refused."""
_RECORDED = 10_000
"""Maximum number of overlaps that are recorded one by one; all are counted."""
_NAMED = 5


class Selection:
    """Yields the kept prompts of ``source``, once, and counts the dropped ones by reason."""

    def __init__(
        self, source: Iterable[Prompt], recipe: Recipe, exclude: Collection[str], style: PromptTemplate
    ) -> None:
        self._source, self._recipe, self._exclude, self._style = source, recipe, exclude, style
        self.kept = self.duplicates = self.excluded = self.overlapping = self.problems = 0
        self.overlaps: list[tuple[str, str, float]] = []
        """(prompt id, the problem that it overlaps most, score from 0 to 1)."""

    def __iter__(self) -> Iterator[Prompt]:
        """Yield prompts as they are stored. Raises :class:`UsageError` if two different prompts have the same id."""
        recipe = self._recipe
        with_tests = prompt_tests.wanted(recipe)
        stories = livecodebench.shipped()
        for original in self._different():
            prompt = worded(original, self._style, recipe)
            if near := stories.nearest(content for _, content in prompt.messages):
                self.overlapping += 1
                if len(self.overlaps) < _RECORDED:
                    self.overlaps.append((prompt.id, *near))
                if not recipe.allow_overlap:
                    continue
            self.kept += 1
            self.problems += prompt.problem is not None or recipe.prompt_style is not None
            yield Prompt(prompt.id, prompt.messages, prompt.tests if with_tests else None)

    @property
    def read(self) -> int:
        """Number of different prompts that were checked for overlap."""
        return self.kept + (0 if self._recipe.allow_overlap else self.overlapping)

    def check(self) -> None:
        """Raise :class:`UsageError` if nothing was kept, or too much overlaps LiveCodeBench's problems."""
        where, allowed = self._recipe.prompts, self._recipe.allow_overlap
        if self.overlapping and not allowed and (not self.kept or self.overlapping > MOST_OVERLAPS * self.read):
            shown = "; ".join(
                f"{prompt!a} contains {score:.0%} of {problem!a}" for prompt, problem, score in self.overlaps[:_NAMED]
            )
            more = f"; and {self.overlapping - _NAMED:,} more" if self.overlapping > _NAMED else ""
            raise UsageError(
                f"{self.overlapping:,} of {self.read:,} prompts overlap LiveCodeBench problems, more than the "
                f"allowed {MOST_OVERLAPS:.0%}: {shown}{more}",
                where=where,
                next_step="choose other prompts=, leave these out with exclude_prompts=, or keep them with "
                "allow_overlap=true, which every result will mention",
            )
        if not self.kept and self.excluded:
            raise UsageError(f"exclude_prompts leaves out all {self.excluded:,} prompts", where=where)
        if not self.kept:
            raise UsageError(
                "the prompt source has no prompts", where=where, next_step="choose another one with prompts="
            )

    def _different(self) -> Iterator[Prompt]:
        hashes, ids = set(), set()
        for prompt in self._source:
            digest = hashlib.blake2b(_normalised(prompt), digest_size=16).digest()
            if digest in hashes:
                self.duplicates += 1
                continue
            hashes.add(digest)
            if prompt.id in self._exclude:
                self.excluded += 1
                continue
            if prompt.id in ids:
                raise UsageError(
                    f"two different prompts have the id {prompt.id!a}",
                    where=self._recipe.prompts,
                    next_step="give id_column= a column with unique values",
                )
            ids.add(prompt.id)
            yield prompt


def _normalised(prompt: Prompt) -> bytes:
    turns = (("", prompt.statement),) if prompt.statement else prompt.messages
    return json.dumps([(role, " ".join(content.split())) for role, content in turns]).encode()
