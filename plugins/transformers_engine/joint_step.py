"""One forward pass for the rows of several caches: only attention runs on each cache separately."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.cache_utils import Cache, CacheLayerMixin
from transformers.integrations.sdpa_attention import sdpa_attention_forward

_NAME = "ssd_harness_side_by_side"
_REPLACED = "sdpa"
"""The attention implementation that is replaced; others may read keys and values in other ways."""


class _Parts:
    """Keys or values of several caches, passed where a model expects one tensor."""

    def __init__(self, parts: list[torch.Tensor], masks: Sequence[torch.Tensor]) -> None:
        self.parts, self.masks = parts, masks


class _Layer(CacheLayerMixin):
    """One layer of several caches. New keys and values [rows, heads, 1, size] are concatenated over the caches."""

    is_sliding = False

    def __init__(self, layers: Sequence[Any], masks: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self._layers, self._masks = layers, masks
        self._counts = [len(mask) for mask in masks]

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
        """Append a column to each cache and return the columns of all."""
        new_states = zip(self._layers, key_states.split(self._counts), value_states.split(self._counts), strict=True)
        keys, values = zip(*(layer.update(key, value) for layer, key, value in new_states), strict=True)
        return _Parts(list(keys), self._masks), _Parts(list(values), self._masks)

    def lazy_initialization(self, *_: Any) -> None:
        """Do nothing: the caches are filled."""

    def get_seq_length(self) -> int:
        """Return the columns of the longest cache."""
        return max(int(layer.get_seq_length()) for layer in self._layers)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the width of the longest cache and no offset."""
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        """Return that there is no limit."""
        return -1


def _attend(
    module: Any, query: torch.Tensor, key: Any, value: Any, attention_mask: Any, **how: Any
) -> tuple[torch.Tensor, None]:
    """Let the rows of each cache attend to its own columns."""
    assert isinstance(key, _Parts)
    assert attention_mask is None
    queries = query.split([len(mask) for mask in key.masks])
    masks = [mask.to(query.device) for mask in key.masks]  # layers may be on several GPUs
    parts = zip(queries, key.parts, value.parts, masks, strict=True)
    return torch.cat([sdpa_attention_forward(module, *part, **how)[0] for part in parts]), None


AttentionInterface.register(_NAME, _attend)


def can_step_jointly(model: Any) -> bool:
    """Whether the model calls attention through transformers' interface, with the implementation that is replaced."""
    uses_interface = (
        getattr(model, "_supports_attention_backend", False) and model.config.get_text_config() is model.config
    )
    return bool(uses_interface) and getattr(model.config, "_attn_implementation", None) == _REPLACED


def step(
    model: Any, ids: torch.Tensor, caches: Sequence[Any], lengths: Sequence[torch.Tensor], cache_name: str
) -> torch.Tensor:
    """Run the model on one new token of each row and return the logits [rows, vocabulary].

    ``ids`` [rows, 1] are concatenated over the caches; ``lengths`` [rows] of each cache count the real tokens, the new
    one included. The model's forward takes the cache as ``cache_name``, and ``position_ids``.
    """
    masks = []
    for cache, real in zip(caches, lengths, strict=True):
        columns = int(cache.get_seq_length()) + 1
        column = torch.arange(columns, device=ids.device)
        masks.append((column >= columns - real[:, None])[:, None, None])
    layers: Any = [_Layer(same, masks) for same in zip(*(cache.layers for cache in caches), strict=True)]
    positions = torch.cat(list(lengths))[:, None] - 1
    joint: dict[str, Any] = {cache_name: Cache(layers=layers), "position_ids": positions}
    with _attention_taken_apart(model):
        logits: torch.Tensor = model(input_ids=ids, **joint, use_cache=True, logits_to_keep=1).logits
    return logits[:, -1]


@contextlib.contextmanager
def _attention_taken_apart(model: Any) -> Iterator[None]:
    model.config._attn_implementation = _NAME  # noqa: SLF001 - the public setter walks through all modules
    try:
        yield
    finally:
        model.config._attn_implementation = _REPLACED  # noqa: SLF001
