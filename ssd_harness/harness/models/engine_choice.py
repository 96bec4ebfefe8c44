"""The engine of an ``ssd-*`` model, from its ``--model_args`` and this machine."""

import inspect
import os
from collections.abc import Mapping
from typing import Any

from lm_eval.models.huggingface import HFLM

from ssd_harness.engines.choice import AUTO, TRANSFORMERS, VLLM, EngineChoice, choose_engine
from ssd_harness.harness.models.arguments import passed_on
from ssd_harness.recipe.definition import FIELDS
from ssd_harness.recipe.resolution import asked

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
"""Arguments that vLLM takes and transformers does not, those that are often given."""


def transformers_arguments() -> set[str]:
    """Return the arguments that ssd-hf hands to lm-eval's class or to transformers."""
    return (set(inspect.signature(HFLM).parameters) | passed_on()) - {"kwargs"}


def engine_for(arguments: Mapping[str, Any]) -> EngineChoice:
    """Return the engine that ``ssd-hf`` uses with these arguments.

    ``auto`` is transformers where an argument, or a launcher of several processes, leaves it no choice. Raises
    :class:`UsageError` where vLLM is asked for and not installed.
    """
    named = asked("engine", arguments) or AUTO
    device = asked("device", arguments)
    choice = choose_engine(named, device=device, against_vllm=_launched())
    if named == AUTO and choice.name == VLLM and (alone := _only_transformers(arguments)):
        return EngineChoice(TRANSFORMERS, f"since {alone}= is an argument of transformers alone")
    return choice


def _launched() -> str:
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return "lm_eval runs in several processes, and vLLM is one" if several else ""


def _only_transformers(arguments: Mapping[str, Any]) -> str | None:
    """Return the name of an argument that vLLM does not take."""
    mine = [name for name in arguments if name not in FIELDS and name in transformers_arguments()]
    if not mine:
        return None
    from ssd_harness.harness.models.vllm import vllm_arguments

    return next((name for name in mine if name not in vllm_arguments()), None)
