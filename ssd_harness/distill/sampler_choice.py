"""Choose the sampler: this machine's engine, unless the other engine's samples or checkpoint exist already."""

from collections.abc import Callable
from dataclasses import replace

from ssd_harness.artifacts import shards
from ssd_harness.distill.plan import Plan
from ssd_harness.engines.choice import SAMPLERS
from ssd_harness.recipe.resolution import Resolved

_DRAWN_BY = {"hf": "transformers", "vllm": "vLLM"}
_OTHER = {"hf": "vllm", "vllm": "hf"}


def engine_layer(engine: str) -> str:
    """Return the origin of recipe fields that the engine decides."""
    return f"engine {engine}"


def reuse_other_engine(resolved: Resolved, draft: Callable[[Resolved], Plan]) -> tuple[Plan, list[str]]:
    """Return the plan that ``draft`` makes of a recipe, and lines about samples or checkpoints of the other engine.

    If the recipe names no sampler, an existing checkpoint or complete samples of the other engine are reused.
    """
    plan, recipe = draft(resolved), resolved.recipe
    follows = resolved.origins["sampler"] in {"default", engine_layer(recipe.engine)}
    if plan.checkpoint or not follows or recipe.sampler not in SAMPLERS.values():
        return plan, []
    sampler = _OTHER[recipe.sampler]
    other_recipe = replace(recipe, sampler=sampler)
    other = draft(replace(resolved, recipe=other_recipe, origins={**resolved.origins, "sampler": "drawn before"}))
    new_samples = f"sampler={recipe.sampler} draws new samples"
    if other.checkpoint:
        return other, [f"  this checkpoint exists with samples drawn by {_DRAWN_BY[sampler]} ({new_samples})"]
    if _sampled(other) and not _sampled(plan):
        return other, [f"  the samples are drawn already, by {_DRAWN_BY[sampler]} ({new_samples})"]
    if other.rounds[0].begun and not plan.rounds[0].begun:
        return plan, [f"  a run of this recipe with {_DRAWN_BY[sampler]} is unfinished: sampler={sampler} continues it"]
    return plan, []


def all_sampled(plan: Plan) -> bool:
    """Whether all samples of the plan exist."""
    return plan.recipe.rounds == 1 and _sampled(plan)


def _sampled(plan: Plan) -> bool:
    """Whether the samples of the first round are complete."""
    return shards.is_whole(plan.rounds[0].samples)
