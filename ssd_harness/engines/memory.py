"""Memory: of a device, of the attention cache, and of one token in it."""

import os
from pathlib import Path
from typing import Any

ACCELERATOR_SHARE = 0.7
"""Share of an accelerator's free memory for the attention cache; activations and logits need the rest."""
CPU_SHARE = 0.25
"""Share of the host's available memory, which other programs need too."""
_SPARE_COLUMNS = 32
_LIMIT_FILES = ("memory.max", "memory.current")


def with_spare(columns: int) -> int:
    """Return the width of the buffer for a row of ``columns`` tokens; spare columns save a copy for most tokens."""
    return columns + max(_SPARE_COLUMNS, columns // 8)


def cache_budget(device: Any) -> int:
    """Return how many bytes the attention cache may take on ``device`` now."""
    return int((CPU_SHARE if device.type == "cpu" else ACCELERATOR_SHARE) * free_bytes(device))


def cache_bytes_per_token(model: Any) -> int:
    """Return the bytes of one token's keys and values in all layers."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * size * model.dtype.itemsize)


def free_bytes(device: Any) -> int:
    """Return how many bytes of ``device`` this process can still allocate."""
    import torch

    if device.type == "cuda":
        # Torch keeps freed memory: no other process can use it, but this one can.
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + reserved
    return min(_available_bytes(), host_bytes())


def host_bytes() -> int:
    """Return the bytes of memory of this machine or of the container that this process runs in."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit, _ = _container_limit()
    return min(installed, limit or installed)


def _available_bytes() -> int:
    limit, used = _container_limit()
    left = [limit - used] if limit else []
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        left += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        left.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return max(0, min(left))


def _container_limit() -> tuple[int | None, int]:
    """Return limit and usage of this process's control group in bytes; (None, 0) without a limit."""
    try:
        limit, used = (Path("/sys/fs/cgroup", name).read_text("ascii").strip() for name in _LIMIT_FILES)
        return (int(limit), int(used)) if limit != "max" else (None, 0)
    except (OSError, ValueError):
        return None, 0
