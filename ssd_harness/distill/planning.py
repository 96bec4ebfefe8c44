"""Make the plan of a transform from a model's name and the fields that a command gives."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ssd_harness.artifacts import former_layout, registry
from ssd_harness.artifacts.base_model import BaseModel, find_base, settings_folder
from ssd_harness.distill import quantized_base, sampler_choice, template_values
from ssd_harness.distill.estimate import cost_lines, estimate_of
from ssd_harness.distill.filters import filter_of, make_filter
from ssd_harness.distill.plan import Plan
from ssd_harness.distill.plan_lines import Say, facts, intentions, say
from ssd_harness.distill.readiness import check_machine, check_names, check_training
from ssd_harness.distill.resolving import resolve_for
from ssd_harness.distill.siblings import others_of_recipe
from ssd_harness.engines.choice import SAMPLERS, VLLM, EngineChoice
from ssd_harness.errors import UsageError
from ssd_harness.estimates.evaluation_cost import Evaluation
from ssd_harness.estimates.machine import this_machine
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import (
    Engine,
    Filter,
    PromptSource,
    Sampler,
    Trainer,
    Transform,
    VersionedComponent,
)
from ssd_harness.extensions.contracts import ChecksPrompts, SampleFilter
from ssd_harness.extensions.plugin_version import version_of
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts import prompt_set, prompt_style
from ssd_harness.prompts.prompt_set import PromptSet
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.fingerprint import fingerprint
from ssd_harness.recipe.presets import presets
from ssd_harness.recipe.resolution import Resolved

Goal = Literal["checkpoint", "samples", "none"]
GIVE_PROMPTS = "give prompts=PATH.jsonl, PATH.parquet, hub:OWNER/NAME or demo"


def make_plan(
    pretrained: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    revision: str | None = None,
    engine: EngineChoice | None = None,
    tell: Say = say,
    goal: Goal = "checkpoint",
    evaluation: Callable[[Recipe], Evaluation | None] = lambda _: None,
) -> Plan:
    """Return the plan for ``pretrained``, and refuse a plan that cannot work before anything is sampled.

    This resolves the recipe, looks up the base model (without downloading weights) and stores the prompt set, which a
    Hub source downloads once. Each step passes its lines to ``tell``.

    ``engine`` is the engine that the caller has chosen; samples and checkpoints of the other engine are still reused.
    ``goal`` is what the caller will make on this machine, which must have room for it; ``none`` skips that check.
    ``evaluation`` returns the evaluation that follows, which must fit as well. Raises :class:`UsageError` for an
    unknown model, field, name or prompt source, for a recipe without prompts, and for a plan that does not fit.
    """
    former_layout.refuse()
    resolved = resolve_for(pretrained, overrides, engine=engine)
    _require_prompts(resolved, pretrained)
    resolved, style = prompt_style.resolve_style(resolved, pretrained)
    sample_filter = make_filter(resolved.recipe)
    check_training(resolved.recipe, components_of(resolved.recipe).trainer)
    _tell(tell, intentions(pretrained, resolved, style))

    base = find_base(pretrained, revision)
    resolved = template_values.fix_values(resolved, base, settings_folder(pretrained, revision), tell)
    resolved, notes = quantized_base.unpack_if_quantized(resolved, base)
    _tell(tell, notes)

    prompts = prompt_set.collect(resolved.recipe, prompt_style.with_system_message(style, resolved.recipe))
    draft = functools.partial(_draft, pretrained=pretrained, base=base, prompts=prompts, style=style, name=name)
    plan, notes = sampler_choice.reuse_other_engine(resolved, draft)
    _check_names(plan)
    _tell(tell, [*notes, *facts(plan), *others_of_recipe(plan)])
    if not plan.checkpoint:
        _check_stages(plan, sample_filter, tell, goal, evaluation(plan.recipe))
    return plan


def _tell(tell: Say, lines: Iterable[str]) -> None:
    for line in lines:
        tell(line)


def _require_prompts(resolved: Resolved, pretrained: str) -> None:
    """Refuse a recipe without rounds or prompts."""
    if resolved.recipe.rounds == 0:
        raise UsageError("rounds=0 makes nothing", next_step="evaluate the base with lm_eval --model ssd-hf")
    if resolved.recipe.prompts is None:
        what = f"the recipe of {pretrained!r} names no prompts to sample"
        raise UsageError(
            what
            if resolved.preset
            else f"there is no recipe for {pretrained!r}, so it does not say which prompts to sample",
            next_step=f"{GIVE_PROMPTS}, or take the recipe of a model: recipe={' or '.join(presets())}",
        )


def _check_names(plan: Plan) -> None:
    """Refuse a name, of the plan or of one of its rounds, that belongs to a checkpoint of another recipe."""
    registry.check_free(plan.name, plan.fingerprint)
    if not plan.checkpoint:
        for round_ in plan.rounds:
            registry.check_free(round_.name, round_.fingerprint)


def _draft(
    resolved: Resolved,
    *,
    pretrained: str,
    base: BaseModel,
    prompts: PromptSet,
    style: PromptTemplate,
    name: str | None = None,
) -> Plan:
    """Return the plan of a recipe, without checks; ``name`` is the user's name for the checkpoint, if any."""
    recipe, parts = resolved.recipe, components_of(resolved.recipe)
    identity = {
        "base": base.weights,
        "tokenizer": base.tokenizer,
        "prompts": prompts.sha256,
        **parts.identity(),
        **prompt_style.identity(style),
    }
    result = fingerprint(recipe, **identity)
    checkpoint = registry.find(result)
    existing_name = checkpoint.name if checkpoint else ""
    name = registry.check_name(name or existing_name or default_name(pretrained, result))
    variant = _variant(recipe, base)
    return Plan(resolved, base, prompts, result, name, checkpoint, identity, variant=variant, style=style)


def _check_stages(
    plan: Plan, sample_filter: SampleFilter, tell: Say, goal: Goal, evaluation: Evaluation | None
) -> None:
    """Check the needs of all stages before anything is sampled, print the costs, and refuse a run that does not fit."""
    check_machine(plan.recipe)
    if goal != "none" and plan.recipe.sampler == SAMPLERS[VLLM] and not sampler_choice.all_sampled(plan):
        plugin_manager.lookup(Engine, VLLM).factory().require()
    check_names(plan.recipe, plan.base)
    if isinstance(sample_filter, ChecksPrompts):
        sample_filter.check(plan.prompts)
    if goal == "none":
        return
    estimate, machine = estimate_of(plan, evaluation), this_machine(plan.recipe)
    for line in cost_lines(estimate, machine):
        tell(f"  {line}")
    estimate.require_fit(machine, trains=goal == "checkpoint")


@dataclass(frozen=True, slots=True)
class Components:
    """The components that a recipe names."""

    sampler: Sampler
    trainer: Trainer
    transform: Transform
    filter: Filter
    source: PromptSource | None

    def identity(self) -> dict[str, str]:
        """Return the names and versions that are part of the fingerprint.

        Version 1 of a built-in filter, transform or prompt source is left out, so that checkpoints from before these
        had versions keep their fingerprints.
        """
        always = {"sampler": self.sampler, "trainer": self.trainer}
        sometimes = {"filter": self.filter, "transform": self.transform, "source": self.source}
        included: dict[str, VersionedComponent] = {**always} | {
            part: component
            for part, component in sometimes.items()
            if component and not (component.version == "1" and plugin_manager.is_builtin(component))
        }
        return {part: f"{component.name}@{version_of(component)}" for part, component in included.items()}


def components_of(recipe: Recipe) -> Components:
    """Look up the components that the recipe names. Raises :class:`UsageError` for an unknown name."""
    return Components(
        plugin_manager.lookup(Sampler, recipe.sampler),
        plugin_manager.lookup(Trainer, recipe.trainer),
        plugin_manager.lookup(Transform, recipe.transform),
        filter_of(recipe),
        None
        if recipe.prompts is None
        else plugin_manager.lookup(PromptSource, prompt_set.source_of(recipe.prompts)[0]),
    )


def _variant(recipe: Recipe, base: BaseModel) -> str:
    """Return whether the result is plain or a verified variant; a child of a verified variant is one too."""
    parent = registry.at(base.records())
    return registry.VERIFIED if filter_of(recipe).runs_programs or (parent and parent.verified) else registry.PLAIN


def default_name(pretrained: str, result: str) -> str:
    """Return the default name of a checkpoint: the model's name and the start of the fingerprint ``result``."""
    model = pretrained.removeprefix(registry.PREFIX).rstrip("/").rsplit("/", 1)[-1]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', model).strip('.-') or 'model'}-{result[:8]}"
