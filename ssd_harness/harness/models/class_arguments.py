"""Check the arguments of lm-eval's model classes before the transform; lm-eval checks them when it loads the model."""

import importlib.util
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.engines import loading
from ssd_harness.engines.choice import TRANSFORMERS, VLLM
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Engine

_BATCH = re.compile(r"[1-9][0-9]*|auto(:[1-9][0-9]*(\.[0-9]+)?)?")
_COUNT = re.compile(r"[1-9][0-9]{0,9}")
_NUMBER = re.compile(r"[0-9]{1,10}")
_MEMORY = re.compile(r"[1-9][0-9]*(\.[0-9]+)?( ?[KMGT]i?B)?")
_PLACEMENTS = {"auto", "balanced", "balanced_low_0", "sequential"}


@dataclass(frozen=True, slots=True)
class _Kind:
    expected: str
    is_valid: Callable[[Any], bool]


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, bool) and pattern.fullmatch(_as_typed(value)) is not None


def _as_typed(value: Any) -> str:
    """Return a number as the user typed it: lm-eval's command line parses 2, a file's reader may parse 2.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _one_of(*words: str) -> _Kind:
    return _Kind(f"one of {', '.join(words)}", words.__contains__)


_BATCH_SIZE = _Kind("a positive integer or auto", _matches(_BATCH))
_LENGTH = _Kind("a positive number of tokens", _matches(_COUNT))
_POSITIVE = _Kind("a positive integer", _matches(_COUNT))
_SWITCH = _Kind("true or false", lambda value: str(value).lower() in {"true", "false", "0", "1"})
_TEXT = _Kind("a string", lambda value: isinstance(value, str))
_SIZE = _Kind("a number of bytes, such as 10GiB", _matches(_MEMORY))
_MAPPING = _Kind("a mapping", lambda value: isinstance(value, Mapping))

KINDS: Mapping[str, _Kind] = {
    **dict.fromkeys(("batch_size", "max_batch_size"), _BATCH_SIZE),
    **dict.fromkeys(("max_length", "max_model_len", "max_gen_toks"), _LENGTH),
    **dict.fromkeys(("tensor_parallel_size", "pipeline_parallel_size", "max_lora_rank"), _POSITIVE),
    **dict.fromkeys(
        (
            "add_bos_token",
            "force_download",
            "local_files_only",
            "logits_cache",
            "low_cpu_mem_usage",
            "parallelize",
            "truncation",
            "use_fast_tokenizer",
            "use_kernels",
        ),
        _SWITCH,
    ),
    **dict.fromkeys(("cache_dir", "offload_folder", "token", "tokenizer"), _TEXT),
    **dict.fromkeys(("max_memory_per_gpu", "max_cpu_memory"), _SIZE),
    **dict.fromkeys(("max_memory", "proxies"), _MAPPING),
    "prefix_token_id": _Kind("a token id", _matches(_NUMBER)),
    "think_end_token": _Kind("a token or its id", lambda value: isinstance(value, str | int)),
    "backend": _one_of("default", "causal"),
    "gpu_memory_utilization": _Kind("a number above 0 and at most 1", lambda value: 0 < _number(value) <= 1),
    "use_safetensors": _Kind(
        "true, since checkpoints are stored as safetensors", lambda value: str(value).lower() in {"true", "1"}
    ),
    "truncation_side": _one_of("left", "right", "middle"),
    "seed": _Kind("an integer of at least 0", _matches(_NUMBER)),
    "device_map": _Kind(
        f"a mapping, a device or one of {', '.join(sorted(_PLACEMENTS))}",
        lambda value: isinstance(value, Mapping) or value in _PLACEMENTS or _is_device(value),
    ),
}
"""Valid values of an argument; None stands for the class's default."""
_DTYPES = ("dtype", "torch_dtype", "softmax_dtype", "mixed_precision_dtype")


def check(arguments: Mapping[str, Any]) -> None:
    """Raise :class:`UsageError` for a value with which no model can be loaded."""
    for name, kind in KINDS.items():
        value = arguments.get(name)
        if value is not None and not kind.is_valid(value):
            where = "--" if name in ("batch_size", "max_batch_size") else ""
            raise UsageError(f"{where}{name}: expected {kind.expected}, got {value!r}")
    for name in _DTYPES:
        if (dtype := arguments.get(name)) not in (None, "auto"):
            loading.pick_dtype(str(dtype).removeprefix("torch."), "cpu")
    if (attention := arguments.get("attn_implementation")) is not None:
        loading.check_attention(str(attention))
    if arguments.get("device") is not None:
        loading.pick_device(str(arguments["device"]))
    if _is_on(arguments.get("use_kernels")) and importlib.util.find_spec("kernels") is None:
        raise UsageError("use_kernels needs the package kernels", next_step="pip install kernels, or leave it out")
    if arguments.get("tp_plan") is not None:
        _check_tensor_parallel(arguments)


def check_with_model(
    arguments: Mapping[str, Any], folder: Path, *, vllm: bool = False, trust_remote_code: bool = False
) -> None:
    """Raise :class:`UsageError` for a value with which the model in ``folder`` cannot be loaded."""
    if (tokenizer := arguments.get("tokenizer")) is not None:
        try:
            loading.load_tokenizer(str(tokenizer), trust_remote_code=trust_remote_code)
        except InfrastructureError as error:
            raise UsageError(
                f"tokenizer={tokenizer}: {error.what}", next_step="leave it out: the model has its own"
            ) from error
    engine = plugin_manager.lookup(Engine, VLLM if vllm else TRANSFORMERS)
    engine.factory().check_model_arguments(folder, arguments)


def _check_tensor_parallel(arguments: Mapping[str, Any]) -> None:
    if arguments["tp_plan"] != "auto" and not isinstance(arguments["tp_plan"], Mapping):
        raise UsageError(f"tp_plan: expected auto or a mapping, got {arguments['tp_plan']!r}")
    if _is_on(arguments.get("parallelize")):
        raise UsageError("tp_plan cannot be combined with parallelize=True", next_step="leave one out")
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        raise UsageError("tp_plan needs several processes", next_step="start lm_eval with torchrun, or leave it out")


def _is_on(switch: Any) -> bool:
    return str(switch).lower() in {"true", "1"}


def _is_device(value: Any) -> bool:
    import torch

    try:
        torch.device(value)
    except (RuntimeError, TypeError):
        return False
    return True
