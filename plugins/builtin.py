"""The built-in names for every hook; each factory imports its heavy dependency only when it is called."""

import importlib
from collections.abc import Callable
from typing import Any

from ssd_harness.hookspecs import Factories, hookimpl


def _lazy(target: str, *, semantic_version: str | None = None) -> Callable[..., Any]:
    """Return a factory that imports ``module:attribute`` on its first call and hands its arguments on.

    ``semantic_version`` goes up when the same recipe would yield something else; fingerprints hold it.
    """

    def factory(*arguments: Any, **options: Any) -> Any:
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)(*arguments, **options)

    factory.__doc__ = f"Call ``{target}``."
    if semantic_version is not None:
        factory.semantic_version = semantic_version  # type: ignore[attr-defined]
    return factory


@hookimpl
def ssd_prompt_sources() -> Factories:
    """Local files, the package's own generator of problems, and data sets of the Hub."""
    return {
        "jsonl": _lazy("ssd_harness.distill.prompt_sources:jsonl"),
        "parquet": _lazy("ssd_harness.distill.prompt_sources:parquet"),
        "generator": _lazy("ssd_harness.distill.prompt_sources:generator"),
        "hub": _lazy("ssd_harness.plugins.hub_prompts:hub"),
        "rstar": _lazy("ssd_harness.plugins.hub_prompts:rstar"),
    }


@hookimpl
def ssd_samplers() -> Factories:
    """``hf`` runs wherever transformers does."""
    return {"hf": _lazy("ssd_harness.plugins.hf_sampler:HfSampler", semantic_version="1")}


@hookimpl
def ssd_sample_filters() -> Factories:
    """``stub`` is the paper's."""
    return {
        "stub": _lazy("ssd_harness.distill.filters:stub"),
        "none": _lazy("ssd_harness.distill.filters:none"),
    }


@hookimpl
def ssd_trainers() -> Factories:
    """``trl`` trains all parameters, or LoRA adapters where ``lora_rank`` is given."""
    return {"trl": _lazy("ssd_harness.plugins.trl_trainer:TrlTrainer", semantic_version="1")}


@hookimpl
def ssd_transforms() -> Factories:
    """``ssd`` is simple self-distillation as published."""
    return {"ssd": _lazy("ssd_harness.distill.pipeline:distill")}


@hookimpl
def ssd_sandboxes() -> Factories:
    """``docker`` isolates fully; ``process`` needs no engine and isolates less."""
    return {
        "docker": _lazy("ssd_harness.plugins.docker_sandbox:DockerSandbox"),
        "process": _lazy("ssd_harness.sandbox.process:ProcessSandbox"),
    }
