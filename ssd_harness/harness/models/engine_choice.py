"""The engine of an ``ssd-*`` model, from its ``--model_args`` and this machine."""

import inspect
import os
from collections.abc import Mapping
from typing import Any

from lm_eval.models.huggingface import HFLM

from ssd_harness.engines.choice import AUTO, TRANSFORMERS, VLLM, EngineChoice, choose_engine
from ssd_harness.harness.models.model_args import passed_on
from ssd_harness.recipe.definition import FIELDS
from ssd_harness.recipe.resolution import requested_value

VLLM_ARGUMENTS = {
    "data_parallel_size",
    "enable_lora",
    "enable_prefix_caching",
    "enforce_eager",
    "gpu_memory_utilization",
    "kv_cache_dtype",
    "max_model_len",
    "max_num_batched_tokens",
    "max_num_seqs",
    "pipeline_parallel_size",
    "quantization",
    "tensor_parallel_size",
    "tokenizer_mode",
}
"""Common arguments that vLLM takes and transformers does not."""


def transformers_arguments() -> set[str]:
    """Return the arguments that ssd-hf passes to lm-eval's class or to transformers."""
    return (set(inspect.signature(HFLM).parameters) | passed_on()) - {"kwargs"}


def engine_for(arguments: Mapping[str, Any]) -> EngineChoice:
    """Return the engine that ``ssd-hf`` uses with these arguments.

    ``auto`` means transformers if an argument, or a launcher of several processes, requires it. Raises
    :class:`UsageError` if vLLM is requested and not installed.
    """
    requested = requested_value("engine", arguments) or AUTO
    device = requested_value("device", arguments)
    choice = choose_engine(requested, device=device, against_vllm=_launched())
    if requested == AUTO and choice.name == VLLM and (argument := _only_transformers(arguments)):
        return EngineChoice(TRANSFORMERS, f"since {argument}= is an argument of transformers alone")
    return choice


def _launched() -> str:
    """Return why a launcher of several processes rules vLLM out, empty if there is none."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return "lm_eval runs in several processes, and vLLM is one" if several else ""


def _only_transformers(arguments: Mapping[str, Any]) -> str | None:
    """Return an argument that vLLM does not take, None if it takes all."""
    candidates = [name for name in arguments if name not in FIELDS and name in transformers_arguments()]
    if not candidates:
        return None
    from ssd_harness.harness.models.vllm import vllm_arguments

    return next((name for name in candidates if name not in vllm_arguments()), None)
