"""The sketch of a prompt set: hashes that show later whether a prompt contains a given text, without the texts.

A Parquet file with one row per prompt: its id, and 64-bit hashes of each turn, of each different 13-gram of words and
of each different 4-gram of prose. No hash is left out, so the check is exact. A sketch takes about 16 bytes per word:
48 MB for 10,000 prompts of 300 words, less than 1 % of the checkpoint that it is stored with.
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
"""Raise it if equal texts give other words or other hashes."""
FIRST = "1"
"""Sketches of this version have no prose; they are compared by the rule of that time."""
_ROWS = 256


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a sketch: ids, and the hashes of turns, 13-grams and prose, each with the row it belongs to."""

    ids: list[str]
    whole: Any
    whole_rows: Any
    ngrams: Any
    ngram_rows: Any
    prose: Any
    prose_rows: Any


def write(path: Path, prompts: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Write the sketch of (id, texts) pairs, in bounded memory; equal prompts give equal files."""
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
    """Return the version of a sketch, which selects the rule for comparing it.

    Raises :class:`InfrastructureError` for a file that is missing, broken or of an unknown version.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        about = parquet.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise InfrastructureError(f"cannot read this sketch of prompts: {error}", where=path) from error
    stored = about.get(b"version", b"").decode(errors="replace")
    if stored not in {FIRST, VERSION} or about.get(b"ngram") != str(NGRAM).encode():
        raise InfrastructureError("this sketch of prompts has an unknown version", where=path)
    return stored


def read(path: Path) -> Iterator[Rows]:
    """Yield the rows of a sketch, a few hundred prompts at a time. Raises the errors of :func:`version`."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    names = ["whole", "ngrams", *(["prose"] if version(path) == VERSION else [])]
    nothing = np.empty(0, np.uint64), np.empty(0, np.int64)
    try:
        file = parquet.ParquetFile(path, pre_buffer=False)  # otherwise pyarrow reads the whole file ahead
        for batch in file.iter_batches(batch_size=_ROWS):
            flat: list[Any] = []
            for name in names:
                column = batch.column(name)
                flat += [column.flatten().to_numpy(), np.repeat(np.arange(len(column)), column.value_lengths())]
            yield Rows(batch.column("id").to_pylist(), *flat, *(() if "prose" in names else nothing))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InfrastructureError(f"cannot read this sketch of prompts: {error}", where=path) from error
