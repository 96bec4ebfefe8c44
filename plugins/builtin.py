"""The built-in components; each factory imports its dependencies only when it is called."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ssd_harness.extensions.components import (
    RECIPE_ENGINE,
    Engine,
    Exporter,
    Filter,
    PromptSource,
    Sampler,
    Sandbox,
    Trainer,
    Transform,
)
from ssd_harness.extensions.hookspecs import hookimpl

_PAPER_PROMPTS = 10_168
"""Different prompts that the paper counts in rStar-Coder."""


@dataclass(frozen=True, slots=True)
class Lazy:
    """A factory by its place, ``module:attribute``, which is imported at the first call."""

    target: str

    def resolve(self) -> Callable[..., Any]:
        """Import the factory."""
        module, _, attribute = self.target.partition(":")
        factory: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
        return factory

    def __call__(self, *arguments: Any) -> Any:
        """Call the factory."""
        return self.resolve()(*arguments)


@hookimpl
def ssd_prompt_sources() -> list[PromptSource]:
    """Local files, the prompts that ship with the package, and data sets of the Hub."""
    hub = "ssd_harness.plugins.hub_prompts"
    return [
        PromptSource("jsonl", Lazy("ssd_harness.prompts.sources:jsonl"), version="1"),
        PromptSource("parquet", Lazy("ssd_harness.prompts.sources:parquet"), version="1"),
        PromptSource("demo", Lazy("ssd_harness.prompts.sources:demo"), version="1"),
        PromptSource("hub", Lazy(f"{hub}:hub"), version="1", remote=True),
        PromptSource("rstar", Lazy(f"{hub}:rstar"), version="1", remote=True, published=_PAPER_PROMPTS),
    ]


@hookimpl
def ssd_samplers() -> list[Sampler]:
    """``hf`` runs wherever transformers does; ``vllm`` is faster on GPUs."""
    samplers = "ssd_harness.distill.engine_sampler"
    return [
        Sampler("hf", Lazy(f"{samplers}:hf"), version="1", model_class=RECIPE_ENGINE),
        Sampler("vllm", Lazy(f"{samplers}:vllm"), version="1", model_class=RECIPE_ENGINE),
    ]


@hookimpl
def ssd_sample_filters() -> list[Filter]:
    """``stub`` is the paper's; ``executes`` and ``passes-tests`` run programs and make a verified variant."""
    text, execution = "ssd_harness.distill.filters", "ssd_harness.distill.execution"
    return [
        Filter("stub", Lazy(f"{text}:stub"), version="1"),
        Filter("none", Lazy(f"{text}:none"), version="1"),
        Filter("shortest-percent", Lazy(f"{text}:shortest_percent"), version="2", whole_set=True),
        Filter("parses", Lazy(f"{text}:parses"), version="1"),
        Filter("executes", Lazy(f"{execution}:executes"), version="1", runs_programs=True, needs_tests=True),
        Filter("passes-tests", Lazy(f"{execution}:passes_tests"), version="1", runs_programs=True, needs_tests=True),
    ]


@hookimpl
def ssd_trainers() -> list[Trainer]:
    """``trl`` trains all parameters, or LoRA adapters if the recipe gives ``lora_rank``."""
    trl = "ssd_harness.plugins.trl"
    return [
        Trainer(
            "trl",
            Lazy(f"{trl}.trainer:TrlTrainer"),
            version="2",
            several_processes=True,
            merge_adapter=Lazy(f"{trl}.adapter:merge"),
        )
    ]


@hookimpl
def ssd_transforms() -> list[Transform]:
    """``ssd`` is simple self-distillation as published."""
    return [Transform("ssd", Lazy("ssd_harness.distill.pipeline:distill"), version="1")]


@hookimpl
def ssd_sandboxes() -> list[Sandbox]:
    """``docker`` isolates fully; ``process`` needs no engine and isolates less."""
    return [
        Sandbox("docker", Lazy("ssd_harness.plugins.docker.sandbox:DockerSandbox")),
        Sandbox("process", Lazy("ssd_harness.sandbox.process:ProcessSandbox")),
    ]


@hookimpl
def ssd_exporters() -> list[Exporter]:
    """``chat`` for Megatron, TRL and Axolotl, ``sharegpt`` and ``alpaca`` for LLaMA-Factory, ``ids`` for exact rows."""
    exporting = "ssd_harness.distill.exporting"
    sharegpt = {"formatting": "sharegpt", "columns": {"messages": "conversations", "system": "system"}}
    alpaca = {
        "columns": {
            "prompt": "instruction",
            "query": "input",
            "response": "output",
            "system": "system",
            "history": "history",
        }
    }
    return [
        Exporter("chat", Lazy(f"{exporting}:chat")),
        Exporter("sharegpt", Lazy(f"{exporting}:sharegpt"), dataset_info=sharegpt),
        Exporter("alpaca", Lazy(f"{exporting}:alpaca"), dataset_info=alpaca),
        Exporter("ids", Lazy(f"{exporting}:ids"), text=False),
    ]


@hookimpl
def ssd_engines() -> list[Engine]:
    """Return ``transformers``, which runs everywhere, and ``vllm``, which is faster on GPUs."""
    return [
        Engine("transformers", Lazy("ssd_harness.plugins.transformers_engine.backend:TransformersBackend")),
        Engine("vllm", Lazy("ssd_harness.plugins.vllm_engine.backend:VllmBackend")),
    ]
