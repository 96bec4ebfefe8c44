"""How many sequences fit side by side into the memory that is free."""

import os
from typing import Any

MOST_ROWS = 128
"""More rows hardly raise the throughput, and leave fewer to fill up with towards the end."""
_SHARE = 0.6
"""Part of the free memory that the attention cache may take; the rest is for activations and logits."""


def rows_that_fit(model: Any, tokens: int) -> int:
    """Return how many sequences of ``tokens`` tokens the attention cache has room for: at least 1."""
    needed = tokens * cache_bytes_per_token(model)
    return max(1, min(MOST_ROWS, int(_SHARE * free_bytes(model.device) / needed)))


def cache_bytes_per_token(model: Any) -> int:
    """Return the keys' and values' size of one token over all layers."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * heads * size * model.dtype.itemsize


def free_bytes(device: Any) -> int:
    """Return the free memory of ``device``."""
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
