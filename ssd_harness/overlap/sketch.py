"""A prompt set's sketch: what it takes to tell later, without the texts, whether prompts hold a given text.

One Parquet row a prompt, with its id, one 64-bit number for each of its turns and one for every 13 words in a row. All
of them are kept, so the check is exact and is the same at any time: a sample of them would be smaller and would miss
copied sentences, and leaving out boilerplate would need all numbers in memory at once. It costs about 8 bytes a word:
24 MB for 10,000 prompts of 300 words, a few thousandths of the checkpoint beside which it is stored.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.errors import InfrastructureError
from ssd_harness.overlap.ngrams import NGRAM, ngrams, whole, words

VERSION = "1"
"""Changes whenever the same text would give other words or other numbers."""
_ROWS = 256


@dataclass(frozen=True, slots=True)
class Rows:
    """Part of a sketch: ids, and the numbers of all their turns and 13-grams with the row that each belongs to."""

    ids: list[str]
    whole: Any
    whole_rows: Any
    ngrams: Any
    ngram_rows: Any


def write(path: Path, prompts: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Write the sketch of (id, texts) pairs; memory stays flat, and equal prompts make equal files."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    numbers = pa.list_(pa.uint64())
    about = {"version": VERSION, "ngram": str(NGRAM)}
    schema = pa.schema([("id", pa.string()), ("whole", numbers), ("ngrams", numbers)], metadata=about)
    with (
        storage.atomic_writer(path, "wb") as stream,
        parquet.ParquetWriter(stream, schema, compression="zstd", use_dictionary=False) as writer,
    ):
        rest = iter(prompts)
        while batch := list(islice(rest, _ROWS)):
            texts = [[words(text) for text in turns] for _, turns in batch]
            rows = {
                "id": [name for name, _ in batch],
                "whole": [[whole(found) for found in turns if found] for turns in texts],
                "ngrams": [np.concatenate([ngrams(found) for found in turns]) if turns else [] for turns in texts],
            }
            writer.write_table(pa.table(rows, schema))


def read(path: Path) -> Iterator[Rows]:
    """Yield the sketch's rows, a few hundred prompts at a time.

    Raises :class:`InfrastructureError` for a file that is missing, broken or of another version.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path, pre_buffer=False)  # or all of it is read ahead
        about = file.schema_arrow.metadata or {}
        if (about.get(b"version"), about.get(b"ngram")) != (VERSION.encode(), str(NGRAM).encode()):
            raise InfrastructureError("this sketch of prompts was made by another version", where=path)
        for batch in file.iter_batches(batch_size=_ROWS):
            flat = []
            for name in ("whole", "ngrams"):
                column = batch.column(name)
                flat += [column.flatten().to_numpy(), np.repeat(np.arange(len(column)), column.value_lengths())]
            yield Rows(batch.column("id").to_pylist(), *flat)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InfrastructureError(f"cannot read a sketch of prompts: {error}", where=path) from error
