"""Rows of token ids on disk, their order, and batches with or without padding."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.distill.training_row import IGNORED, training_row
from ssd_harness.engines.random_streams import stream_key
from ssd_harness.extensions.contracts import Sample

COMPLETE = "COMPLETE"
"""The file that marks a complete training state."""


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows were written, how many samples were skipped, and the longest row in tokens."""

    rows: int
    skipped: int
    longest: int


def write_rows(samples: Iterable[Sample], path: Path, max_length: int) -> Written:
    """Write ``input_ids`` and ``labels`` of each sample as an Arrow stream; samples without a label are skipped."""
    import pyarrow as pa

    ids = pa.list_(pa.int32())
    schema = pa.schema([("input_ids", ids), ("labels", ids)])
    rows = skipped = longest = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for sample in samples:
            row = training_row(sample, max_length)
            if row is None:
                skipped += 1
                continue
            input_ids, labels = row
            writer.write_batch(pa.record_batch([[input_ids], [labels]], schema=schema))
            rows += 1
            longest = max(longest, len(input_ids))
    return Written(rows, skipped, longest)


def training_order(rows: int, length: int, seed: int) -> Any:
    """Return ``length`` row numbers: all rows in one random order after another; ``seed`` decides the orders.

    Every step has a full batch, whatever the number of processes and wherever an epoch ends.
    """
    import numpy as np

    epochs = [
        np.random.Philox(key=stream_key(seed, "order of the rows", epoch)).random_raw(rows).argsort(kind="stable")
        for epoch in range(-(-length // rows))
    ]
    return np.concatenate(epochs)[:length]


@dataclass(frozen=True, slots=True)
class Padded:
    """Stacks rows; they are padded on the right, and the padding is masked."""

    pad_token_id: int

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return ``input_ids``, ``labels`` and ``attention_mask`` [rows, longest]."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        def stacked(values: Iterable[Sequence[int]], padding: int) -> torch.Tensor:
            return pad_sequence([torch.tensor(row) for row in values], batch_first=True, padding_value=padding)

        return {
            "input_ids": stacked((row["input_ids"] for row in rows), self.pad_token_id),
            "labels": stacked((row["labels"] for row in rows), IGNORED),
            "attention_mask": stacked(([1] * len(row["input_ids"]) for row in rows), 0),
        }


@dataclass(frozen=True, slots=True)
class Packed:
    """Concatenates rows; positions start at 0 in each, which keeps attention within it."""

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return ``input_ids``, ``labels`` and ``position_ids`` [1, all tokens]."""
        import torch

        return {
            "input_ids": torch.tensor([[token for row in rows for token in row["input_ids"]]]),
            "labels": torch.tensor([[label for row in rows for label in row["labels"]]]),
            "position_ids": torch.cat([torch.arange(len(row["input_ids"])) for row in rows])[None],
        }
