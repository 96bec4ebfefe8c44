"""The built-in names for every hook; each factory imports its heavy dependency only when it is called."""

import importlib
from collections.abc import Callable
from typing import Any

from ssd_harness.extensions.hookspecs import Factories, hookimpl

_PAPERS_PROMPTS = 10_168
"""Different prompts that the paper has of rStar-Coder."""


def _lazy(target: str, **attributes: Any) -> Callable[..., Any]:
    """Return a factory that imports ``module:attribute`` on its first call and hands its arguments on.

    It carries ``attributes``: ``semantic_version`` goes up when the same recipe would yield something else;
    ``remote`` prompt sources are read once and remembered; ``published`` is how many different prompts a publication
    counts in a source; trainers with ``several_processes`` take ``gpus``.
    """

    def factory(*arguments: Any, **options: Any) -> Any:
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)(*arguments, **options)

    factory.__doc__ = f"Call ``{target}``."
    vars(factory).update(attributes)
    return factory


@hookimpl
def ssd_prompt_sources() -> Factories:
    """Local files, the prompts that ship with the package, and data sets of the Hub."""
    first = {"semantic_version": "1"}
    return {
        "jsonl": _lazy("ssd_harness.prompts.sources:jsonl", **first),
        "parquet": _lazy("ssd_harness.prompts.sources:parquet", **first),
        "demo": _lazy("ssd_harness.prompts.sources:demo", **first),
        "hub": _lazy("ssd_harness.plugins.hub_prompts:hub", remote=True, **first),
        "rstar": _lazy("ssd_harness.plugins.hub_prompts:rstar", remote=True, published=_PAPERS_PROMPTS, **first),
    }


@hookimpl
def ssd_samplers() -> Factories:
    """``hf`` runs wherever transformers does; ``vllm`` is the faster one on GPUs."""
    return {
        "hf": _lazy("ssd_harness.plugins.transformers_engine.sampler:HfSampler", semantic_version="1"),
        "vllm": _lazy("ssd_harness.plugins.vllm_engine.sampler:VllmSampler", semantic_version="1"),
    }


@hookimpl
def ssd_sample_filters() -> Factories:
    """``stub`` is the paper's; ``executes`` and ``passes-tests`` run programs and make a verified variant."""
    first = {"semantic_version": "1"}
    runs = {"verified": True, "needs_tests": True, **first}
    return {
        "stub": _lazy("ssd_harness.distill.filters:stub", **first),
        "none": _lazy("ssd_harness.distill.filters:none", **first),
        "shortest-percent": _lazy("ssd_harness.distill.filters:shortest_percent", whole_set=True, semantic_version="2"),
        "parses": _lazy("ssd_harness.distill.filters:parses", **first),
        "executes": _lazy("ssd_harness.distill.execution:executes", **runs),
        "passes-tests": _lazy("ssd_harness.distill.execution:passes_tests", **runs),
    }


@hookimpl
def ssd_trainers() -> Factories:
    """``trl`` trains all parameters, or LoRA adapters where ``lora_rank`` is given."""
    return {"trl": _lazy("ssd_harness.plugins.trl.trainer:TrlTrainer", semantic_version="2", several_processes=True)}


@hookimpl
def ssd_transforms() -> Factories:
    """``ssd`` is simple self-distillation as published."""
    return {"ssd": _lazy("ssd_harness.distill.pipeline:distill", semantic_version="1")}


@hookimpl
def ssd_sandboxes() -> Factories:
    """``docker`` isolates fully; ``process`` needs no engine and isolates less."""
    return {
        "docker": _lazy("ssd_harness.plugins.docker.sandbox:DockerSandbox"),
        "process": _lazy("ssd_harness.sandbox.process:ProcessSandbox"),
    }


@hookimpl
def ssd_exporters() -> Factories:
    """``chat`` for Megatron, TRL and Axolotl, ``sharegpt`` and ``alpaca`` for LLaMA-Factory, ``ids`` for exact rows."""
    columns = {"messages": "conversations", "system": "system"}
    answers = {
        "prompt": "instruction",
        "query": "input",
        "response": "output",
        "system": "system",
        "history": "history",
    }
    return {
        "chat": _lazy("ssd_harness.distill.exporting:chat"),
        "sharegpt": _lazy(
            "ssd_harness.distill.exporting:sharegpt", dataset_info={"formatting": "sharegpt", "columns": columns}
        ),
        "alpaca": _lazy("ssd_harness.distill.exporting:alpaca", dataset_info={"columns": answers}),
        "ids": _lazy("ssd_harness.distill.exporting:ids", text=False),
    }
