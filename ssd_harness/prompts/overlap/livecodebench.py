"""The stories of LiveCodeBench's problems, which ship with the package as hashes and counts, without any text."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ssd_harness import storage
from ssd_harness.errors import InfrastructureError
from ssd_harness.prompts.overlap.index import Index, postings, story_index, weigh
from ssd_harness.prompts.overlap.story import prose_ngrams, story

VERSION = 1
"""Raise it if equal statements give other numbers, or equal prompts another decision."""
FILE = Path(__file__).with_name("livecodebench.npz")
_PARTS = ("numbers", "frequency", "held", "owners", "ids", "version", "statements")


@dataclass(frozen=True, slots=True)
class Stories:
    """The index of all stories, and the number of statements that contain each prose 4-gram."""

    ids: tuple[str, ...]
    numbers: Any
    frequencies: Any
    statements: int
    """Number of statements in total."""
    index: Index

    def of(self, statements: Sequence[str]) -> Index:
        """Return an index of other statements' stories with the benchmark's counts; unknown 4-grams count as rare."""
        numbers, starts, owners = postings([prose_ngrams((story(text),)) for text in statements])
        return story_index(numbers, starts, owners, weigh(numbers, self._frequency, self.statements), len(statements))

    def nearest(self, texts: Iterable[str]) -> tuple[str, float] | None:
        """Return id and score (0 to 1) of the problem that a prompt's ``texts`` overlap most, or None."""
        numbers = prose_ngrams(tuple(texts))
        hits = self.index.hits(numbers, np.zeros(len(numbers), np.int64))
        best = max(hits, key=lambda hit: hit.share, default=None)
        return (self.ids[best.problem], round(best.share, 4)) if best else None

    def _frequency(self, numbers: Any) -> Any:
        at = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return np.where(self.numbers[at] == numbers, self.frequencies[at], 1)


def count(rows: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the table of (question_id, statement) rows, as arrays; equal rows make equal tables."""
    whole, starts, _ = postings([prose_ngrams((text,)) for _, text in rows])
    frequency = np.diff(starts)
    story_numbers, story_starts, owners = postings([prose_ngrams((story(text),)) for _, text in rows])
    kept = (frequency > 1) | np.isin(whole, story_numbers)  # rare n-grams outside all stories carry no information
    held = np.zeros(len(whole), np.int64)
    held[np.searchsorted(whole, story_numbers)] = np.diff(story_starts)
    return {
        "numbers": whole[kept],
        "frequency": frequency[kept].astype(np.uint16),
        "held": held[kept].astype(np.uint16),
        "owners": owners.astype(np.uint16),
        "ids": np.frombuffer("\n".join(name for name, _ in rows).encode(), np.uint8),
        "version": np.array(VERSION),
        "statements": np.array(len(rows)),
    }


def read(table: dict[str, Any]) -> Stories:
    """Return the stories in a table of :func:`count`."""
    numbers, statements = table["numbers"], int(table["statements"])
    ids = tuple(bytes(table["ids"]).decode().split("\n"))
    frequencies = table["frequency"].astype(np.int64)
    in_story = table["held"] > 0
    starts = np.append(0, np.cumsum(table["held"][in_story].astype(np.int64)))
    weights = np.log(statements / frequencies[in_story])
    index = story_index(numbers[in_story], starts, table["owners"].astype(np.int64), weights, len(ids))
    return Stories(ids, numbers, frequencies, statements, index)


@functools.cache
def shipped() -> Stories:
    """Return the stories that ship with the package."""
    try:
        with np.load(FILE, allow_pickle=False) as table:
            parts = {name: table[name] for name in _PARTS}
        if int(parts["version"]) != VERSION:
            raise InfrastructureError("the table of LiveCodeBench's stories has another version", where=FILE)
        return read(parts)
    except (OSError, ValueError, KeyError) as error:
        what = "cannot read the table of LiveCodeBench's stories"
        raise InfrastructureError(what, where=FILE, next_step="reinstall ssd-harness") from error


def write(table: dict[str, Any], path: Path = FILE) -> None:
    """Write a table."""
    with storage.atomic_writer(path, "wb") as stream:
        np.savez_compressed(stream, **table)


def statements_of(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yield question_id and statement of each row of the benchmark's own files."""
    import json

    for file in files:
        with file.open("rb") as lines:
            for line in lines:
                row = json.loads(line)
                yield row["question_id"], row["question_content"]
