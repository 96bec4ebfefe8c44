"""The engine over transformers: rows join and leave within a memory budget, and each sample has its random stream."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ssd_harness.engines import memory
from ssd_harness.engines.contracts import Continuation, Decoding, GenerationRequest, Stop
from ssd_harness.plugins.transformers_engine.bundle import Reader
from ssd_harness.plugins.transformers_engine.rows import WaitingRows
from ssd_harness.plugins.transformers_engine.schedule import Schedule

_PREFILL_TOKENS = 16384
"""The most prompt tokens, padding included, that one forward pass reads."""
_MOST_ROWS = 128
"""More rows hardly raise the throughput, and leave fewer waiting ones to fill free places towards the end."""


class HfEngine:
    """Generates with a causal language model of transformers.

    ``stop_ids`` end a sample. ``rows`` is the most sequences side by side. ``cache_bytes`` is the memory that their
    attention cache may take; None takes a share of the memory that is free at each call. The model must be in
    evaluation mode; its own generation settings are ignored.
    """

    name = "hf"
    version = 1

    def __init__(
        self, model: Any, *, stop_ids: Iterable[int], rows: int | None = None, cache_bytes: int | None = None
    ) -> None:
        self.model, self.rows, self.cache_bytes = model, rows, cache_bytes
        self.stop_ids = frozenset(stop_ids)
        self.reread = 0
        """How many times a row had to wait for memory and was read again in the last call."""

    @property
    def context(self) -> int | None:
        """How many tokens prompt and continuation may have together, if the model says so."""
        context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return None if context is None else int(context)

    def describe(self) -> Mapping[str, str]:
        """Return device and precision."""
        return {"device": str(self.model.device), "dtype": str(self.model.dtype)}

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
        """Yield each request's continuation as it finishes; a prompt is read once for all of its requests.

        Rows are admitted by their present length. When memory runs short, the youngest wait and are read again.
        """
        waiting = WaitingRows(requests, seed)
        if not waiting:
            return
        budget = self.cache_bytes or memory.cache_budget(self.model.device)
        schedule = Schedule(
            Reader(self.model, _PREFILL_TOKENS),
            waiting,
            budget=budget // memory.cache_bytes_per_token(self.model),
            limit=self.rows or _MOST_ROWS,
        )
        while schedule:
            for row in schedule.step(decoding, self.stop_ids):
                stop = Stop.EOS if row.tokens[-1] in self.stop_ids else Stop.LENGTH
                yield Continuation(row.request, tuple(row.tokens), stop)
            self.reread = schedule.reread
