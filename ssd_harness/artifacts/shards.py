"""Samples on disk: Parquet shards, each complete or absent, and a manifest that is written last."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.errors import InfrastructureError
from ssd_harness.extensions.contracts import Sample

MANIFEST_FILE = "manifest.json"
_MAGIC = b"PAR1"
"""The first and the last bytes of a Parquet file."""


def shard_path(folder: Path, number: int) -> Path:
    """Return the path of shard ``number`` in a stage's folder."""
    return folder / f"samples-{number:05d}.parquet"


def write_shard(folder: Path, number: int, samples: Iterable[Sample]) -> None:
    """Write one shard atomically."""
    import pyarrow as pa
    from pyarrow import parquet

    ids = pa.list_(pa.int32())
    kinds = {"index": pa.int32(), "prompt_ids": ids, "token_ids": ids}
    schema = pa.schema([(field.name, kinds.get(field.name, pa.string())) for field in fields(Sample)])
    table = pa.Table.from_pylist([asdict(sample) for sample in samples], schema=schema)
    with storage.atomic_writer(shard_path(folder, number), "wb") as stream:
        parquet.write_table(table, stream, compression="zstd")


def read_shard(path: Path) -> Iterator[Sample]:
    """Yield a shard's samples in order."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        rows = parquet.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InfrastructureError(
            f"cannot read a shard: {error}", where=path, next_step="delete it and run the same command again"
        ) from error
    for row in rows:
        try:
            row["prompt_ids"], row["token_ids"] = tuple(row["prompt_ids"]), tuple(row["token_ids"])
            sample = Sample(**row)
        except (KeyError, TypeError) as error:
            raise InfrastructureError(
                f"a shard without the columns of samples: {error}", where=path, next_step="delete it and run again"
            ) from error
        yield sample


def count_samples(path: Path) -> int:
    """Return the number of samples in a shard, from its footer."""
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)


def read_samples(folder: Path) -> Iterator[Sample]:
    """Yield all samples of a finished stage, shard by shard."""
    for number in range(read_manifest(folder)["shards"]):
        yield from read_shard(shard_path(folder, number))


def has_manifest(folder: Path) -> bool:
    """Whether the stage that fills ``folder`` has finished."""
    return (folder / MANIFEST_FILE).exists()


def has_shard(folder: Path, number: int) -> bool:
    """Whether shard ``number`` exists and is not cut: both ends are there."""
    try:
        with shard_path(folder, number).open("rb") as stream:
            begins = stream.read(len(_MAGIC)) == _MAGIC
            stream.seek(-len(_MAGIC), os.SEEK_END)
            return begins and stream.read() == _MAGIC
    except OSError:
        return False


def is_whole(folder: Path) -> bool:
    """Whether the stage has finished and all its shards are still there."""
    try:
        count = read_manifest(folder).get("shards", 0)
        return all(has_shard(folder, number) for number in range(count))
    except (OSError, ValueError, TypeError, AttributeError):  # no manifest, or one that was damaged or edited
        return False


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished stage."""
    return json.loads((folder / MANIFEST_FILE).read_text("utf-8"))


def remove_manifest(folder: Path) -> None:
    """Mark a stage as unfinished."""
    (folder / MANIFEST_FILE).unlink(missing_ok=True)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Mark a stage as finished; everything that ``manifest`` names must be on disk."""
    storage.write_json(folder / MANIFEST_FILE, dict(manifest))
