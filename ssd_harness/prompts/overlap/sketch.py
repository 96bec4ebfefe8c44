"""A prompt set's sketch: what it takes to tell later, without the texts, whether prompts hold a given text.

One Parquet row a prompt, with its id and 64-bit numbers: one for each of its turns, one for every different 13 words in
a row, and one for every different 4 words of prose in a row. All of them are kept, so the check is exact and is the
same at any time. It costs about 16 bytes a word: 48 MB for 10,000 prompts of 300 words, less than a hundredth of the
checkpoint beside which it is stored.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.errors import InfrastructureError
from ssd_harness.prompts.overlap.ngrams import NGRAM, distinct, whole
from ssd_harness.prompts.overlap.story import prose_ngrams

VERSION = "2"
"""Changes whenever the same text would give other words or other numbers."""
FIRST = "1"
"""Sketches of this version have no prose, and are compared by the rule of their time."""
_ROWS = 256


@dataclass(frozen=True, slots=True)
class Rows:
    """Part of a sketch: ids, and the numbers of all their turns and 13-grams with the row that each belongs to."""

    ids: list[str]
    whole: Any
    whole_rows: Any
    ngrams: Any
    ngram_rows: Any
    prose: Any
    prose_rows: Any


def write(path: Path, prompts: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Write the sketch of (id, texts) pairs; memory stays flat, and equal prompts make equal files."""
    import pyarrow as pa
    from pyarrow import parquet

    numbers = pa.list_(pa.uint64())
    about = {"version": VERSION, "ngram": str(NGRAM)}
    columns = [("id", pa.string()), ("whole", numbers), ("ngrams", numbers), ("prose", numbers)]
    schema = pa.schema(columns, metadata=about)
    with (
        storage.atomic_writer(path, "wb") as stream,
        parquet.ParquetWriter(stream, schema, compression="zstd", use_dictionary=False) as writer,
    ):
        rest = iter(prompts)
        while batch := list(islice(rest, _ROWS)):
            rows = {
                "id": [name for name, _ in batch],
                "whole": [[number for text in turns if (number := whole(text)) is not None] for _, turns in batch],
                "ngrams": [distinct(turns) for _, turns in batch],
                "prose": [prose_ngrams(tuple(turns)) for _, turns in batch],
            }
            writer.write_table(pa.table(rows, schema))


def version(path: Path) -> str:
    """Return a sketch's version, which says by what rule it is compared.

    Raises :class:`InfrastructureError` for a file that is missing, broken or of an unknown version.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        about = parquet.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise InfrastructureError(f"cannot read a sketch of prompts: {error}", where=path) from error
    found = about.get(b"version", b"").decode(errors="replace")
    if found not in {FIRST, VERSION} or about.get(b"ngram") != str(NGRAM).encode():
        raise InfrastructureError("this sketch of prompts was made by another version", where=path)
    return found


def read(path: Path) -> Iterator[Rows]:
    """Yield the sketch's rows, a few hundred prompts at a time; errors as for :func:`version`."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    names = ["whole", "ngrams", *(["prose"] if version(path) == VERSION else [])]
    nothing = np.empty(0, np.uint64), np.empty(0, np.int64)
    try:
        file = parquet.ParquetFile(path, pre_buffer=False)  # or all of it is read ahead
        for batch in file.iter_batches(batch_size=_ROWS):
            flat: list[Any] = []
            for name in names:
                column = batch.column(name)
                flat += [column.flatten().to_numpy(), np.repeat(np.arange(len(column)), column.value_lengths())]
            yield Rows(batch.column("id").to_pylist(), *flat, *(() if "prose" in names else nothing))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InfrastructureError(f"cannot read a sketch of prompts: {error}", where=path) from error
