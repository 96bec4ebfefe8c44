"""The rule for older sketches: a prompt overlaps a problem if they share a 13-gram that few prompts contain."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from ssd_harness.prompts.overlap import sketch
from ssd_harness.prompts.overlap.index import postings
from ssd_harness.prompts.overlap.ngrams import distinct

BOILERPLATE = 5
"""Number of prompts from which on a shared 13-gram counts as boilerplate."""

Pair = tuple[int, str, int]
"""Position of a prompt in the sketches, its id, and the position of a problem."""


def shares(
    sketches: Iterable[Path], texts: Sequence[str], without: Collection[str]
) -> dict[Pair, tuple[float, list[int]]]:
    """Return, for each overlapping pair, the share of the problem's 13-grams that overlap, and these 13-grams.

    13-grams that five or more prompts contain do not count. Prompts of several sketches count together. Prompts whose
    ids are in ``without`` are ignored.
    """
    import numpy as np

    numbers, starts, owners = postings([distinct([text]) for text in texts])
    sizes = np.bincount(owners, minlength=len(texts))
    holders: dict[int, list[tuple[int, str]]] = {}
    counts = np.zeros(len(numbers), np.int64)
    first = 0
    for path in sketches:
        for rows in sketch.read(path):
            included = [row for row, name in enumerate(rows.ids) if name not in without]
            for number, row in _hits(rows.ngrams, rows.ngram_rows, numbers, included):
                counts[number] += 1
                if counts[number] < BOILERPLATE:
                    holders.setdefault(number, []).append((first + row, rows.ids[row]))
            first += len(rows.ids)
    shared_by: dict[Pair, list[int]] = {}
    for number, prompts in holders.items():
        if counts[number] < BOILERPLATE:
            for problem in owners[starts[number] : starts[number + 1]]:
                for place, name in prompts:
                    shared_by.setdefault((place, name, int(problem)), []).append(int(numbers[number]))
    return {pair: (len(shared) / int(sizes[pair[2]]), shared) for pair, shared in shared_by.items()}


def _hits(numbers: Any, rows: Any, targets: Any, included: Sequence[int]) -> list[tuple[int, int]]:
    """Return (index into ``targets``, row) for every target number in a row of ``included``, each pair once."""
    import numpy as np

    if not len(targets) or not len(numbers):
        return []
    at = np.minimum(np.searchsorted(targets, numbers), len(targets) - 1)
    hit = (targets[at] == numbers) & np.isin(rows, included)
    return [(int(number), int(row)) for number, row in np.unique(np.stack([at[hit], rows[hit]], axis=1), axis=0)]
