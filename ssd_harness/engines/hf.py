"""The Hugging Face engine: one batch whose finished rows make room for waiting prompts, one random stream a sample."""

import inspect
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache

from ssd_harness.engines import attention_rows
from ssd_harness.engines.contracts import Continuation, Decoding, GenerationRequest, Stop
from ssd_harness.engines.decoding import draw
from ssd_harness.engines.memory import rows_that_fit
from ssd_harness.engines.random_streams import RandomStream

_REFILL_SHARE = 4
"""Finished rows make room once they are one in so many of the batch: each time costs a copy of the attention cache."""
_PREFILL_TOKENS = 16384
"""Prompt tokens, padding included, that one forward pass reads at most."""


class HfEngine:
    """Draws continuations from a causal language model of transformers.

    ``stop_ids`` end a sample. ``rows`` is how many sequences run side by side; None asks the free memory at each call.
    The model must be in evaluation mode; its own generation settings are not read.
    """

    name = "hf"
    version = 1

    def __init__(self, model: Any, *, stop_ids: Iterable[int], rows: int | None = None) -> None:
        self.model, self.rows = model, rows
        self.stop_ids = frozenset(stop_ids)

    def identity(self) -> Mapping[str, Any]:
        """Return the engine's version, the precision and the tokens that end a sample."""
        quantization = getattr(self.model.config, "quantization_config", None)
        return {
            "engine": f"{self.name}@{self.version}",
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "quantization": str(quantization) if quantization else None,
            "stop_ids": sorted(self.stop_ids),
        }

    def generate(self, requests: Iterable[GenerationRequest], decoding: Decoding, seed: int) -> Iterator[Continuation]:
        """Yield each request's continuation as it finishes; requests of one prompt share one reading of it."""
        waiting = _Waiting(requests)
        if not waiting:
            return
        longest = len(waiting.head.prompt_ids) + decoding.max_new_tokens
        limit = self.rows or rows_that_fit(self.model, longest)
        batch = _Batch(self.model)
        while waiting or batch.alive:
            free = limit - batch.alive
            if waiting and batch.can_admit and free * _REFILL_SHARE >= limit:
                batch.admit([_Row(request, seed) for request in waiting.take(free)])
            elif (len(batch.rows) - batch.alive) * _REFILL_SHARE >= len(batch.rows):
                batch.drop_finished()
            for row in batch.draw(decoding, self.stop_ids):
                stop = Stop.EOS if row.tokens[-1] in self.stop_ids else Stop.LENGTH
                yield Continuation(row.request, tuple(row.tokens), stop)
            batch.advance()


class _Waiting:
    """Requests that no row has taken yet, read from their source only as far as needed."""

    def __init__(self, requests: Iterable[GenerationRequest]) -> None:
        self._source = iter(requests)
        self._head: deque[GenerationRequest] = deque()

    def __bool__(self) -> bool:
        if not self._head:
            self._head.extend(next_request for next_request in [next(self._source, None)] if next_request)
        return bool(self._head)

    @property
    def head(self) -> GenerationRequest:
        """The next request; only while there is one."""
        return self._head[0]

    def take(self, count: int) -> list[GenerationRequest]:
        """Remove up to ``count`` requests whose prompts one forward pass can read."""
        taken: list[GenerationRequest] = []
        prompts: set[tuple[int, ...]] = set()
        widest = 0
        while self and len(taken) < count:
            prompts.add(self.head.prompt_ids)
            widest = max(widest, len(self.head.prompt_ids))
            if taken and len(prompts) * widest > _PREFILL_TOKENS:
                break
            taken.append(self._head.popleft())
        return taken


class _Row:
    """One sample on its way."""

    __slots__ = ("done", "request", "stream", "tokens")

    def __init__(self, request: GenerationRequest, seed: int) -> None:
        self.request = request
        self.stream = RandomStream(seed, request.key, request.index)
        self.tokens: list[int] = []
        self.done = False


class _Batch:
    """Rows that step together. A finished row runs on as a passenger until it is dropped."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.rows: list[_Row] = []
        self.alive = 0
        self._cache: Any = attention_rows.empty_cache(model.config)
        self._lengths: torch.Tensor
        self._logits: torch.Tensor
        taken = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in taken
        # transformers has renamed it; models of others, and older versions, know the old name alone.
        self._cache_name = "cache" if "cache" in taken else "past_key_values"

    @property
    def can_admit(self) -> bool:
        """Whether new rows may join: always an empty batch, others where the model's cache allows it."""
        return not self.alive or attention_rows.mergeable(self._cache)

    @torch.inference_mode()
    def admit(self, rows: Sequence[_Row]) -> None:
        """Read the new rows' prompts, each different one once, and let them join those that are still alive."""
        cache: Any = attention_rows.empty_cache(self.model.config)
        shares = attention_rows.selectable(cache)
        prompts: dict[Any, int] = {}
        sources = [prompts.setdefault(row.request.prompt_ids if shares else id(row), len(prompts)) for row in rows]
        distinct = [rows[sources.index(number)].request.prompt_ids for number in range(len(prompts))]
        ids, lengths = _left_padded(distinct, self.model.device)
        logits = self._forward(ids, lengths, cache)

        picked = torch.tensor(sources, device=ids.device)
        keep = self._living()
        if attention_rows.mergeable(cache):
            parts = [(cache, picked)]
            if len(keep):
                lengths = torch.cat([self._lengths[keep], lengths[picked]])
                logits = torch.cat([self._logits[keep], logits[picked]])
                parts.insert(0, (self._cache, keep))
            else:
                lengths, logits = lengths[picked], logits[picked]
            cache = attention_rows.merge(parts, int(lengths.max()))
        elif shares:
            cache.batch_select_indices(picked)
            lengths, logits = lengths[picked], logits[picked]
        self._cache, self._lengths, self._logits = cache, lengths, logits
        self.rows = [row for row in self.rows if not row.done] + list(rows)
        self.alive = len(self.rows)

    @torch.inference_mode()
    def drop_finished(self) -> None:
        """Forget finished rows, where the model's cache allows it, and columns that only they needed."""
        keep = self._living()
        if attention_rows.mergeable(self._cache):
            self._cache = attention_rows.merge([(self._cache, keep)], int(self._lengths[keep].max()))
        elif attention_rows.selectable(self._cache):
            self._cache.batch_select_indices(keep)
        else:
            return
        self._lengths, self._logits = self._lengths[keep], self._logits[keep]
        self.rows = [row for row in self.rows if not row.done]

    @torch.inference_mode()
    def draw(self, decoding: Decoding, stop_ids: frozenset[int]) -> list[_Row]:
        """Give every living row its next token and return those that finish with it."""
        uniforms = [0.0 if row.done or decoding.greedy else row.stream[len(row.tokens)] for row in self.rows]
        device = self._logits.device
        self._drawn = draw(self._logits, decoding, torch.tensor(uniforms, dtype=torch.float64, device=device))
        finished = []
        for row, token in zip(self.rows, self._drawn.tolist(), strict=True):
            if row.done:
                continue
            row.tokens.append(token)
            if token in stop_ids or len(row.tokens) >= decoding.max_new_tokens:
                row.done = True
                finished.append(row)
        self.alive -= len(finished)
        return finished

    @torch.inference_mode()
    def advance(self) -> None:
        """Feed the drawn tokens to the model."""
        if self.alive:
            self._lengths = self._lengths + 1
            self._logits = self._forward(self._drawn[:, None], self._lengths, self._cache)
        else:
            self.rows = []

    def _living(self) -> torch.Tensor:
        alive = [number for number, row in enumerate(self.rows) if not row.done]
        return torch.tensor(alive, dtype=torch.long, device=self.model.device)

    def _forward(self, ids: torch.Tensor, lengths: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Run the model on ``ids`` [rows, new columns]; ``lengths`` [rows] count all real tokens, new ones too."""
        new = ids.shape[1]
        columns = cache.get_seq_length() + new
        column = torch.arange(columns, device=ids.device)
        mask = column >= columns - lengths[:, None]
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": mask.long(), self._cache_name: cache}
        if self._takes_positions:
            inputs["position_ids"] = (column[-new:] - (columns - lengths[:, None])).clamp(min=0)
        return self.model(**inputs, use_cache=True, logits_to_keep=1).logits[:, -1]


def _left_padded(prompts: Sequence[tuple[int, ...]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    widest = max(len(prompt) for prompt in prompts)
    # What stands on the padding never matters: it is masked, and its keys are cut or masked for good.
    ids = [[0] * (widest - len(prompt)) + list(prompt) for prompt in prompts]
    lengths = [len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(lengths, device=device)
