"""The attention cache of a batch that rows join and leave. All rows end in the last column."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from ssd_harness.engines.memory import with_spare


class RowsLayer(DynamicLayer):
    """One layer's keys and values [rows, heads, columns, size] in a buffer with spare columns on the right.

    The layer of transformers copies everything to append one column for each token; this one writes in place.
    """

    def __init__(
        self, keys: torch.Tensor | None = None, values: torch.Tensor | None = None, columns: int | None = None
    ) -> None:
        super().__init__()
        if keys is not None and values is not None:
            self._adopt(keys, values, columns)

    def _adopt(self, keys: torch.Tensor, values: torch.Tensor, columns: int | None = None) -> None:
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self._buffers: tuple[torch.Tensor, ...] = (keys, values)
        self.keys, self.values = (keys[:, :, :columns], values[:, :, :columns])

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append columns and return all of them."""
        if self.keys is None or self.values is None:
            self._adopt(key_states, value_states)
            return key_states, value_states
        start = self.keys.shape[2]
        end = start + key_states.shape[2]
        if end > self._buffers[0].shape[2]:
            self._buffers = (_with_room(self.keys, end), _with_room(self.values, end))
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, start:end] = states
        self.keys, self.values = (buffer[:, :, :end] for buffer in self._buffers)
        return self.keys, self.values

    @property
    def capacity(self) -> int:
        """How many columns the buffers hold, spare ones included."""
        return int(self._buffers[0].shape[2])

    def release(self) -> None:
        """Drop keys and values, to free their memory once they are copied elsewhere."""
        self.keys = self.values = None
        self._buffers = ()


def _with_room(states: torch.Tensor, columns: int) -> torch.Tensor:
    rows, heads, used, size = states.shape
    buffer = states.new_empty(rows, heads, with_spare(columns), size)
    buffer[:, :, :used] = states
    return buffer


def empty_cache(config: Any) -> Cache:
    """Return an empty cache for a model. Rows can be merged into it only if it is :func:`mergeable`."""
    cache = DynamicCache(config=config)
    if cache.layers and all(type(layer) is DynamicLayer for layer in cache.layers):
        return Cache(layers=[RowsLayer() for _ in cache.layers])
    return cache


def mergeable(cache: Cache) -> bool:
    """Whether rows can join later and columns can be cut: every layer has plain attention, no window, no recurrence."""
    return all(isinstance(layer, RowsLayer) for layer in cache.layers)


def selectable(cache: Cache) -> bool:
    """Whether rows can be dropped from the batch."""
    return all(isinstance(layer, DynamicLayer) for layer in cache.layers)


def merge(parts: Sequence[tuple[Any, torch.Tensor]], columns: int, *, release: bool = True) -> Cache:
    """Gather rows of one or more caches into one of ``columns`` columns; each part is (cache, row numbers).

    Rows are aligned at the right. Columns that a row lacks on the left are zero and must be masked; columns beyond
    ``columns`` are cut. With ``release`` the parts lose each layer as soon as it is copied, so that no more than one
    layer is in memory twice.
    """
    layers: list[Any] = []
    for number in range(len(parts[0][0].layers)):
        keys = _gather([(cache.layers[number].keys, rows) for cache, rows in parts], columns)
        values = _gather([(cache.layers[number].values, rows) for cache, rows in parts], columns)
        layers.append(RowsLayer(keys, values, columns))
        if release:
            for cache, _ in parts:
                cache.layers[number].release()
    return Cache(layers=layers)


def _gather(parts: Sequence[tuple[torch.Tensor, torch.Tensor]], columns: int) -> torch.Tensor:
    _, heads, _, size = parts[0][0].shape
    total = sum(len(rows) for _, rows in parts)
    buffer = parts[0][0].new_zeros(total, heads, with_spare(columns), size)
    start = 0
    for states, rows in parts:
        width = min(columns, states.shape[2])
        end = start + len(rows)
        buffer[start:end, :, columns - width : columns] = states[:, :, states.shape[2] - width :][rows]
        start = end
    return buffer
