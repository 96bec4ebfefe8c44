"""From a model's name and the words of a command to a plan; what cannot be is refused here, before anything is made."""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ssd_harness.artifacts import registry
from ssd_harness.artifacts.base_model import BaseModel, find_base, settings_folder
from ssd_harness.distill import quantized_base, sampler_choice, template_values
from ssd_harness.distill.estimate import cost_lines, estimate_of
from ssd_harness.distill.filters import filter_of, make_filter
from ssd_harness.distill.plan import Plan
from ssd_harness.distill.plan_lines import Say, facts, intentions, say
from ssd_harness.distill.readiness import check_machine, check_names, check_training
from ssd_harness.distill.siblings import others_of_recipe
from ssd_harness.engines.choice import AUTO, SAMPLERS, VLLM, EngineChoice, choose_engine
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
from ssd_harness.recipe.definition import FIELDS, Recipe, coerce, fingerprint
from ssd_harness.recipe.presets import is_known, presets
from ssd_harness.recipe.resolution import Resolved, asked, named_recipe, resolve

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
    """Resolve everything and tell the plan; what is about to be done is told before anything is downloaded.

    ``engine`` is one that the caller has chosen; the checkpoint or samples of the other one are used all the same.
    ``goal`` is what will be made of the plan here, which must fit this machine: ``none`` for a look at it alone.
    ``evaluation`` says what is evaluated afterwards, which must fit too. Raises
    :class:`UsageError` for a model, field, name or prompt source that does not exist, for a model without a preset when
    no ``prompts`` are given, and for what cannot fit.
    """
    resolved = resolve_for(pretrained, overrides, revision, engine=engine)
    if resolved.recipe.rounds == 0:
        raise UsageError("rounds=0 makes nothing", next_step="evaluate the base with lm_eval --model ssd-hf")
    if resolved.recipe.prompts is None:
        what = f"the recipe of {pretrained!r} names no prompts to sample"
        raise UsageError(
            what
            if resolved.preset
            else f"there is no recipe for {pretrained!r}, so it does not say which prompts to sample",
            next_step=f"{GIVE_PROMPTS}; models with a recipe: "
            + ", ".join(model for preset in presets().values() for model in preset.models),
        )
    resolved, style = prompt_style.settle(resolved, pretrained)
    parts = components_of(resolved.recipe)
    sample_filter = make_filter(resolved.recipe)
    check_training(resolved.recipe, parts.trainer)
    for line in intentions(pretrained, resolved, style):
        tell(line)
    base = find_base(pretrained, revision)
    resolved = template_values.settle(resolved, base, settings_folder(pretrained, revision), tell)
    resolved, notes = quantized_base.adapt(resolved, base)
    for line in notes:
        tell(line)
    prompts = prompt_set.collect(resolved.recipe, prompt_style.whole(style, resolved.recipe))
    draft = functools.partial(_draft, pretrained=pretrained, base=base, prompts=prompts, style=style, name=name)
    plan, notes = sampler_choice.with_earlier_work(resolved, draft)
    registry.check_free(plan.name, plan.fingerprint)
    if plan.recipe.rounds > 1 and not plan.made:
        for number in range(1, plan.recipe.rounds + 1):
            one = plan.up_to(number)
            registry.check_free(one.name, one.fingerprint)
    for line in [*notes, *facts(plan), *others_of_recipe(plan)]:
        tell(line)
    if not plan.made:
        _check_stages(plan, sample_filter, tell, goal, evaluation(plan.recipe))
    return plan


def _draft(
    resolved: Resolved,
    *,
    pretrained: str,
    base: BaseModel,
    prompts: PromptSet,
    style: PromptTemplate,
    name: str | None = None,
) -> Plan:
    """Return the plan of a recipe; ``name`` is the checkpoint's, if the user gives one."""
    recipe, parts = resolved.recipe, components_of(resolved.recipe)
    identity = {
        "base": base.weights,
        "tokenizer": base.tokenizer,
        "prompts": prompts.sha256,
        **parts.identity(),
        **prompt_style.identity(style),
    }
    found = fingerprint(recipe, **identity)
    made = registry.find(found)
    name = registry.check_name(name or (made.name if made else default_name(pretrained, found)))
    return Plan(resolved, base, prompts, found, name, made, identity, variant=_variant(recipe, base), style=style)


def _check_stages(
    plan: Plan, sample_filter: SampleFilter, tell: Say, goal: Goal, evaluation: Evaluation | None
) -> None:
    """Check what the stages need before anything is sampled, print the costs, and refuse a run that cannot fit."""
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
    """What the recipe names, as plugins provide it."""

    sampler: Sampler
    trainer: Trainer
    transform: Transform
    filter: Filter
    source: PromptSource | None

    def identity(self) -> dict[str, str]:
        """Return the names and versions that are part of the fingerprint.

        The first version of a built-in filter, transform or prompt source is left out: fingerprints are then those of
        checkpoints that were made before such versions counted.
        """
        always = {"sampler": self.sampler, "trainer": self.trainer}
        others = {"filter": self.filter, "transform": self.transform, "source": self.source}
        named: dict[str, VersionedComponent] = {**always} | {
            part: component
            for part, component in others.items()
            if component and not (component.version == "1" and plugin_manager.is_builtin(component))
        }
        return {part: f"{component.name}@{version_of(component)}" for part, component in named.items()}


def components_of(recipe: Recipe) -> Components:
    """Look up what the recipe names. Raises :class:`UsageError` for an unknown name."""
    return Components(
        plugin_manager.lookup(Sampler, recipe.sampler),
        plugin_manager.lookup(Trainer, recipe.trainer),
        plugin_manager.lookup(Transform, recipe.transform),
        filter_of(recipe),
        None
        if recipe.prompts is None
        else plugin_manager.lookup(PromptSource, prompt_set.source_of(recipe.prompts)[0]),
    )


def resolve_for(
    pretrained: str,
    overrides: Mapping[str, Any] | None = None,
    revision: str | None = None,
    *,
    engine: EngineChoice | None = None,
) -> Resolved:
    """Put the recipe together from all that is known of ``pretrained``: its name, its settings, its manifest.

    Its engine is settled: the one given, or what the recipe and this machine lead to.
    """
    chosen = engine or engine_of(overrides or {})
    backend = (sampler_choice.engine_layer(chosen.name), chosen.fields)
    resolved = _resolved(pretrained, overrides, revision, backend)
    origins = {**resolved.origins, "engine": chosen.reason}
    return replace(resolved, recipe=replace(resolved.recipe, engine=chosen.name), origins=origins)


def engine_of(overrides: Mapping[str, Any]) -> EngineChoice:
    """Return the engine that these fields lead to on this machine."""
    return choose_engine(asked("engine", overrides) or AUTO, device=asked("device", overrides))


def _resolved(
    pretrained: str,
    overrides: Mapping[str, Any] | None,
    revision: str | None,
    backend: tuple[str, Mapping[str, Any]],
) -> Resolved:
    inherited = None
    if pretrained.startswith(registry.PREFIX):
        checkpoint = registry.get(pretrained)
        inherited = (f"manifest of {checkpoint.name}", checkpoint.manifest["recipe"])
    elif is_known(pretrained):
        return resolve(pretrained, overrides, backend=backend)
    folder = settings_folder(pretrained, revision)
    return resolve(pretrained, overrides, inherited=inherited, folder=folder, backend=backend)


def as_it_is(pretrained: str, overrides: Mapping[str, Any]) -> registry.Checkpoint:
    """Return the registered checkpoint ``ssd:NAME`` that is to be evaluated, not trained on.

    Raises :class:`UsageError` for an unknown one, for a field that would have shaped it, and for a recipe file that
    would have made another one.
    """
    made = registry.get(pretrained)
    origin, named = named_recipe(overrides) or ("", {})
    known = made.manifest["recipe"]
    other = {name: f" ({origin})" for name in named if name in known and coerce(name, named[name]) != known[name]}
    for name, said in (dict.fromkeys(overrides, "") | other).items():
        if name in FIELDS and FIELDS[name].metadata["side"] == "train":
            raise UsageError(
                f"{name}{said} changes nothing in {pretrained}, which is made already",
                next_step='--metadata \'{"prompt": "..."}\' asks it in other words'
                if name == "prompt_style"
                else "give rounds=1 to put it through the transform again",
            )
    return made


def _variant(recipe: Recipe, base: BaseModel) -> str:
    parent = registry.at(base.records())
    return registry.VERIFIED if filter_of(recipe).runs_programs or (parent and parent.verified) else registry.PLAIN


def default_name(pretrained: str, found: str) -> str:
    """Return the name of a checkpoint nobody named: the model's, and the start of the fingerprint."""
    model = pretrained.removeprefix(registry.PREFIX).rstrip("/").rsplit("/", 1)[-1]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', model).strip('.-') or 'model'}-{found[:8]}"
