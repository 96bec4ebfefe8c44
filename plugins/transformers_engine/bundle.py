"""Rows that generate together on one rectangular attention cache."""

import inspect
from collections.abc import Collection, Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache

from ssd_harness.engines import memory
from ssd_harness.engines.contracts import Decoding
from ssd_harness.engines.decoding import draw
from ssd_harness.plugins.transformers_engine import attention_rows, joint_step
from ssd_harness.plugins.transformers_engine.rows import Row


class Reader:
    """Runs a model on new tokens; one forward pass reads at most ``prefill_tokens``, padding included."""

    def __init__(self, model: Any, prefill_tokens: int) -> None:
        self.model, self.prefill_tokens = model, prefill_tokens
        parameters = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in parameters
        # Newer transformers calls it cache; older versions and remote code only know the old name.
        self._cache_name = "cache" if "cache" in parameters else "past_key_values"
        self.mergeable = attention_rows.mergeable(attention_rows.empty_cache(model.config))
        self.joins_passes = self.mergeable and self._takes_positions and joint_step.can_step_jointly(model)

    @torch.inference_mode()
    def read(self, rows: Sequence[Row]) -> "Bundle":
        """Read the tokens that the rows have so far; equal texts are read once."""
        cache: Any = attention_rows.empty_cache(self.model.config)
        shares = attention_rows.selectable(cache)
        texts: dict[Any, int] = {}
        sources = [texts.setdefault(row.ids if shares else id(row), len(texts)) for row in rows]
        ids, lengths = _left_padded([rows[sources.index(k)].ids for k in range(len(texts))], self.model.device)
        logits = self._prefill(ids, lengths, cache)
        picked = torch.tensor(sources, device=ids.device)
        if attention_rows.mergeable(cache):
            cache = attention_rows.merge([(cache, picked)], ids.shape[1])
        elif shares:
            cache.batch_select_indices(picked)
        return Bundle(self, rows, cache, lengths[picked], logits[picked])

    def _prefill(self, ids: torch.Tensor, lengths: torch.Tensor, cache: Cache) -> torch.Tensor:
        if len(ids) > 1:  # only a single text may be longer than a pass
            return self.forward(ids, lengths, cache)
        end, logits = 0, torch.empty(0)
        for part in ids.split(self.prefill_tokens, dim=1):
            end += part.shape[1]
            logits = self.forward(part, torch.full_like(lengths, end), cache)
        return logits

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Run the model on ``ids`` [rows, new columns]; ``lengths`` [rows] count the real tokens, new ones included."""
        new = ids.shape[1]
        columns = cache.get_seq_length() + new
        column = torch.arange(columns, device=ids.device)
        mask = column >= columns - lengths[:, None]
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": mask.long(), self._cache_name: cache}
        if self._takes_positions:
            inputs["position_ids"] = (column[-new:] - (columns - lengths[:, None])).clamp(min=0)
        return self.model(**inputs, use_cache=True, logits_to_keep=1).logits[:, -1]

    @torch.inference_mode()
    def advance(self, bundles: Sequence["Bundle"]) -> None:
        """Run the model on the tokens that were just drawn, in one forward pass if its code allows."""
        if len(bundles) < 2 or not self.joins_passes:
            for bundle in bundles:
                bundle.advance()
            return
        for bundle in bundles:
            bundle.lengths = bundle.lengths + 1
        ids = torch.cat([bundle.drawn for bundle in bundles])[:, None]
        caches, lengths = [bundle.cache for bundle in bundles], [bundle.lengths for bundle in bundles]
        logits = joint_step.step(self.model, ids, caches, lengths, self._cache_name)
        for bundle, own in zip(bundles, logits.split([len(bundle.rows) for bundle in bundles]), strict=True):
            bundle.logits = own


class Bundle:
    """Rows on one cache. A finished row stays in the batch until it is dropped.

    Memory is counted in cells. A cell holds the keys and values of one token in all layers.
    """

    def __init__(
        self, reader: Reader, rows: Sequence[Row], cache: Any, lengths: torch.Tensor, logits: torch.Tensor
    ) -> None:
        self.rows = list(rows)
        self._reader, self.cache, self.lengths, self.logits = reader, cache, lengths, logits
        self.drawn = torch.empty(0)

    @property
    def living(self) -> list[Row]:
        """Rows that are not finished."""
        return [row for row in self.rows if not row.done]

    @property
    def columns(self) -> int:
        """Columns that are filled."""
        return int(self.cache.get_seq_length())

    @property
    def cells(self) -> int:
        """Cells in memory, including those of finished rows and spare columns."""
        mergeable = attention_rows.mergeable(self.cache)
        return len(self.rows) * (self.cache.layers[0].capacity if mergeable else self.columns)

    @property
    def next_cells(self) -> int:
        """Cells in memory after the next token."""
        full = self.columns * len(self.rows) >= self.cells
        return len(self.rows) * memory.with_spare(self.columns + 1) if full else self.cells

    def cells_of(self, rows: Sequence[Row]) -> int:
        """Return the cells that these rows of the bundle would take alone."""
        return len(rows) * memory.with_spare(max((row.length for row in rows), default=0))

    @property
    def droppable(self) -> bool:
        """Whether the model's cache allows single rows to be dropped."""
        return attention_rows.selectable(self.cache)

    @torch.inference_mode()
    def keep(self, rows: Collection[Row]) -> None:
        """Drop all other rows, and the columns that only they needed. Requires ``droppable``."""
        picked = self.numbers(rows)
        if attention_rows.mergeable(self.cache):
            self.cache = attention_rows.merge([(self.cache, picked)], int(self.lengths[picked].max()))
        else:
            self.cache.batch_select_indices(picked)
        self.lengths, self.logits = self.lengths[picked], self.logits[picked]
        self.rows = [row for row in self.rows if row in rows]

    @torch.inference_mode()
    def split(self, rows: Collection[Row]) -> "Bundle":
        """Move rows into a narrower bundle of their own. Requires mergeable caches."""
        picked = self.numbers(rows)
        lengths, logits = self.lengths[picked], self.logits[picked]
        cache = attention_rows.merge([(self.cache, picked)], int(lengths.max()), release=False)
        apart = Bundle(self._reader, [row for row in self.rows if row in rows], cache, lengths, logits)
        self.keep([row for row in self.living if row not in rows])
        return apart

    @torch.inference_mode()
    def join(self, other: "Bundle") -> None:
        """Take over the living rows of another bundle, which must not be used any more. Requires mergeable caches."""
        mine, theirs = self.numbers(self.living), other.numbers(other.living)
        self.lengths = torch.cat([self.lengths[mine], other.lengths[theirs]])
        self.logits = torch.cat([self.logits[mine], other.logits[theirs]])
        parts = [(self.cache, mine), (other.cache, theirs)]
        self.cache = attention_rows.merge(parts, int(self.lengths.max()))
        self.rows = self.living + other.living

    @torch.inference_mode()
    def draw(self, decoding: Decoding, stop_ids: frozenset[int]) -> list[Row]:
        """Draw the next token of every living row and return the rows that it finishes."""
        uniforms = [0.0 if row.done or decoding.greedy else row.stream[len(row.tokens)] for row in self.rows]
        device = self.logits.device
        self.drawn = draw(self.logits, decoding, torch.tensor(uniforms, dtype=torch.float64, device=device))
        finished = []
        for row, token in zip(self.rows, self.drawn.tolist(), strict=True):
            if row.done:
                continue
            row.tokens.append(token)
            if token in stop_ids or len(row.tokens) >= decoding.max_new_tokens:
                row.done = True
                finished.append(row)
        return finished

    @torch.inference_mode()
    def advance(self) -> None:
        """Run the model on the drawn tokens."""
        self.lengths = self.lengths + 1
        self.logits = self._reader.forward(self.drawn[:, None], self.lengths, self.cache)

    def numbers(self, rows: Collection[Row]) -> torch.Tensor:
        """Return the positions of rows in the bundle [rows]."""
        picked = [number for number, row in enumerate(self.rows) if row in rows]
        return torch.tensor(picked, dtype=torch.long, device=self.logits.device)


def _left_padded(texts: Sequence[tuple[int, ...]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    widest = max(len(text) for text in texts)
    # The ids of the padding do not matter: they are masked, and their keys are cut or stay masked.
    ids = [[0] * (widest - len(text)) + list(text) for text in texts]
    lengths = [len(text) for text in texts]
    return torch.tensor(ids, device=device), torch.tensor(lengths, device=device)
