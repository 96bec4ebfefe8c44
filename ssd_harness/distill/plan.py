"""What a transform will do, known before it does anything: recipe, base model, prompts, name and fingerprint."""

import importlib.util
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ssd_harness import plugin_manager, registry
from ssd_harness.distill import prompt_set
from ssd_harness.distill.base_model import BaseModel, find_base, settings_folder
from ssd_harness.distill.filters import is_verified, make_filter
from ssd_harness.distill.prompt_set import PromptSet
from ssd_harness.engines import loading
from ssd_harness.errors import UsageError
from ssd_harness.home import home
from ssd_harness.overlap.lineage import Lineage, read_lineage
from ssd_harness.printable import printable
from ssd_harness.recipe import FIELDS, ROUND_FIELDS, Recipe, coerce, fingerprint, samples_fingerprint
from ssd_harness.recipes.presets import is_known, presets
from ssd_harness.recipes.resolution import GIVEN, Resolved, named_recipe, resolve

GIVE_PROMPTS = "give prompts=PATH.jsonl, PATH.parquet, hub:OWNER/NAME or generator"
VERIFIED_NOTE = f"{registry.VERIFIED}: samples are chosen by what their programs do, which plain SSD never looks at"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """One transform, resolved down to the fingerprint of its result."""

    resolved: Resolved
    base: BaseModel
    prompts: PromptSet
    fingerprint: str
    name: str
    made: registry.Checkpoint | None
    """The checkpoint, if it exists already."""
    parts: Mapping[str, str]
    """What the fingerprint is made of, besides the recipe."""
    whole: str | None = None
    """Name of the plan of more rounds that this is a part of."""
    variant: str = registry.PLAIN
    """``registry.VERIFIED`` where this filter, or one that the base was made with, looks at what programs do."""

    def up_to(self, number: int) -> "Plan":
        """Return the plan of the first ``number`` rounds alone, which is what any plan of so many rounds would do."""
        if number == self.recipe.rounds and (number == 1 or self.whole):
            return self
        single: dict[str, Any] = {name: FIELDS[name].default for name in ROUND_FIELDS}
        recipe = replace(self.recipe, rounds=number, **single)
        found = fingerprint(recipe, **self.parts)
        whole = self.whole or self.name
        return replace(
            self,
            resolved=replace(self.resolved, recipe=recipe),
            fingerprint=found,
            name=f"{whole}-r{number}",
            made=registry.find(found),
            whole=whole,
        )

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        return self.resolved.recipe

    def samples_identity(self) -> str:
        """Return what the samples of the last round are called; plans that only train otherwise share them."""
        model = self.parts["base"] if self.recipe.rounds == 1 else self.up_to(self.recipe.rounds - 1).fingerprint
        parts = {name: self.parts[name] for name in ("tokenizer", "prompts", "sampler")}
        return samples_fingerprint(self.recipe, model=model, **parts)

    def lineage(self) -> Lineage:
        """Return all prompts that the result is trained on: this plan's, and those that its base was made from."""
        return Lineage((self.prompts.sketch(),)) + lineage_of(self.base)

    @property
    def folder(self) -> Path:
        """Where the stages work."""
        return home() / "runs" / self.fingerprint[:16]


def say(line: str) -> None:
    """Print one line about the run where lm-eval's own output does not drown it."""
    print(f"ssd-harness: {_indent(line)}{printable(line, 4000)}", file=sys.stderr, flush=True)


def _indent(line: str) -> str:
    return " " * (len(line) - len(line.lstrip(" ")))


def make_plan(
    pretrained: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    revision: str | None = None,
    backend: tuple[str, Mapping[str, Any]] | None = None,
    tell: Say = say,
) -> Plan:
    """Resolve everything and tell the plan; what is about to be done is told before anything is downloaded.

    Raises :class:`UsageError` for a model, field, name or prompt source that does not exist, and for a model without a
    preset when no ``prompts`` are given.
    """
    resolved = resolve_for(pretrained, overrides, revision, backend=backend)
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
    parts = factories_of(resolved.recipe)
    sample_filter = make_filter(resolved.recipe)
    _check_training(resolved.recipe, parts["ssd_trainers"])
    for line in _intentions(pretrained, resolved):
        tell(line)
    base = find_base(pretrained, revision)
    prompts = prompt_set.collect(resolved.recipe)
    identity = {
        "base": base.weights,
        "tokenizer": base.tokenizer,
        "prompts": prompts.sha256,
        "sampler": _versioned(resolved.recipe.sampler, parts["ssd_samplers"]),
        "trainer": _versioned(resolved.recipe.trainer, parts["ssd_trainers"]),
    }
    found = fingerprint(resolved.recipe, **identity)
    made = registry.find(found)
    name = registry.check_name(name or (made.name if made else default_name(pretrained, found)))
    registry.check_free(name, found)
    plan = Plan(resolved, base, prompts, found, name, made, identity, variant=_variant(resolved.recipe, base))
    if resolved.recipe.rounds > 1 and not made:
        for number in range(1, resolved.recipe.rounds + 1):
            one = plan.up_to(number)
            registry.check_free(one.name, one.fingerprint)
    for line in _facts(plan):
        tell(line)
    if not made:  # what stages need is missed before anything is sampled
        _check_machine(resolved.recipe)
        _check_names(resolved.recipe, base)
        if hasattr(sample_filter, "check"):
            sample_filter.check(prompts)
    return plan


def factories_of(recipe: Recipe) -> dict[str, Any]:
    """Return the factories that the recipe names, by hook; raises :class:`UsageError` for a name that nobody knows."""
    if recipe.prompts is not None:
        prompt_set.source_of(recipe.prompts)
    named = {"ssd_samplers": recipe.sampler, "ssd_trainers": recipe.trainer, "ssd_transforms": recipe.transform}
    return {hook: plugin_manager.lookup(hook, name) for hook, name in named.items()}


def resolve_for(
    pretrained: str,
    overrides: Mapping[str, Any] | None = None,
    revision: str | None = None,
    *,
    backend: tuple[str, Mapping[str, Any]] | None = None,
) -> Resolved:
    """Put the recipe together from all that is known of ``pretrained``: its name, its settings, its manifest."""
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
                next_step="give rounds=1 to put it through the transform again",
            )
    return made


def lineage_of(base: BaseModel) -> Lineage:
    """Return the prompts that a base model was made from, as far as it has a manifest of ours."""
    made = registry.at(base.records())
    return read_lineage(made.name, made.path, made.manifest) if made else Lineage()


def _variant(recipe: Recipe, base: BaseModel) -> str:
    parent = registry.at(base.records())
    return registry.VERIFIED if is_verified(recipe) or (parent and parent.verified) else registry.PLAIN


def default_name(pretrained: str, found: str) -> str:
    """Return the name of a checkpoint nobody named: the model's, and the start of the fingerprint."""
    model = pretrained.removeprefix(registry.PREFIX).rstrip("/").rsplit("/", 1)[-1]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', model).strip('.-') or 'model'}-{found[:8]}"


def _check_training(recipe: Recipe, trainer: Any) -> None:
    """Refuse what cannot be trained on any machine."""
    if recipe.gpus > 1 and not getattr(trainer, "several_processes", False):
        raise UsageError(f"the trainer {recipe.trainer!r} works in one process", next_step="leave gpus= out")
    if recipe.batch_size_train % recipe.gpus:
        raise UsageError(f"batch_size_train={recipe.batch_size_train} is no multiple of gpus={recipe.gpus}")
    if recipe.shared != "none" and recipe.gpus == 1:
        raise UsageError(f"sharding={recipe.sharding} needs several processes", next_step="give gpus= or leave it out")
    for name, value in (("sharding", recipe.shared), ("dequantize", recipe.dequantize)):
        if recipe.lora_quantize and value not in ("none", False):
            raise UsageError(
                f"lora_quantize={recipe.lora_quantize} does not go with {name}={value}", next_step="leave one out"
            )


def _check_machine(recipe: Recipe) -> None:
    """Refuse before sampling what training would miss on this machine after it."""
    quantizes = f"lora_quantize={recipe.lora_quantize}"
    if recipe.sharding == "zero3":
        if loading.pick_device(recipe.device).startswith("cpu"):
            raise UsageError("sharding=zero3 needs GPUs", next_step="on a CPU give sharding=fsdp2, or leave it out")
        if importlib.util.find_spec("deepspeed") is None:
            raise UsageError(
                "sharding=zero3 needs DeepSpeed", next_step="pip install deepspeed, or give sharding=fsdp2"
            )
    if recipe.lora_quantize:
        if not (device := loading.pick_device(recipe.device)).startswith(("cuda", "cpu")):
            raise UsageError(f"{quantizes} needs a CUDA GPU or the CPU, not {device}", next_step="leave it out")
        if importlib.util.find_spec("bitsandbytes") is None:
            raise UsageError(f"{quantizes} needs bitsandbytes", next_step="pip install bitsandbytes, or leave it out")


def _check_names(recipe: Recipe, base: BaseModel) -> None:
    """Refuse before sampling names of transformers' and the model's own that training would miss after it."""
    if recipe.attention:
        loading.check_attention(recipe.attention)
    if recipe.lora_targets != FIELDS["lora_targets"].default:
        folder = base.local or settings_folder(base.name, base.revision)
        if folder:
            loading.check_modules(folder, recipe.lora_targets.split("+"))


def _versioned(name: str, factory: Any) -> str:
    return f"{name}@{getattr(factory, 'semantic_version', '0')}"


def _intentions(pretrained: str, resolved: Resolved) -> list[str]:
    recipe = resolved.recipe
    mine = {name for name, source in resolved.origins.items() if source == GIVEN} - recipe.side("run").keys()
    given = [f"{name}={getattr(recipe, name)}" for name in resolved.origins if name in mine]
    extent = _counted(recipe.steps, "step") if recipe.steps else f"{recipe.epochs:g} epochs"
    what = f"LoRA of rank {recipe.lora_rank}" if recipe.lora_rank else "all parameters"
    limit = f" (at most {recipe.prompt_limit:,})" if recipe.prompt_limit else ""
    draws = f"T {recipe.T_train:g}, top-k {recipe.top_k_train or 'none'}, top-p {recipe.top_p_train:g}"
    rates = f"learning rate {recipe.lr:g} to {recipe.min_lr:g}"
    plan = [
        f"self-distillation of {pretrained} ({resolved.said}{', ' + ' '.join(given) if given else ''})",
        f"  sample {recipe.n_train} a prompt from {recipe.prompts}{limit}: {draws}, filter {recipe.filter}",
        f"  train {what} for {extent} of {_counted(recipe.batch_size_train, 'sequence')}, {rates}",
    ]
    if recipe.gpus > 1:
        unproven = f", sharding {recipe.shared} (never run by us on GPUs)" if recipe.shared != "none" else ""
        plan.append(f"  {recipe.gpus} processes sample, and train together{unproven}")
    if recipe.allow_overlap:
        plan.append("  allow_overlap=true: prompts may overlap the evaluated problems")
    return [*plan, *_rounds(recipe)]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _rounds(recipe: Recipe) -> list[str]:
    if recipe.rounds == 1:
        return []
    lines = [f"  {recipe.rounds} rounds of this, one from the other"]
    if recipe.round_task is None:
        return lines
    problems = f", first {recipe.round_limit} problems" if recipe.round_limit else ""
    lines.append(f"  each is evaluated on {recipe.round_task} ({recipe.round_metric}{problems})")
    if recipe.patience is None:
        return [*lines, "  nothing is chosen by that: the last round is the result"]
    gain = "its standard error" if recipe.min_gain is None else f"{recipe.min_gain:g}"
    unit = "round" if recipe.patience == 1 else "rounds"
    rule = f"stop after {recipe.patience} {unit} without a gain of more than {gain}; the best round is the result"
    return [*lines, f"  {rule}: it is chosen on {recipe.round_task}"]


def _facts(plan: Plan) -> list[str]:
    where = plan.base.local or f"commit {plan.base.revision}, to be downloaded"
    dropped = f", {_counted(plan.prompts.duplicates, 'duplicate')} dropped" if plan.prompts.duplicates else ""
    # That it leaves out none is told too: then it is another prompt set's.
    dropped += f", {plan.prompts.excluded:,} left out by exclude_prompts" if plan.recipe.exclude_prompts else ""
    rounds = [plan.up_to(number) for number in range(1, plan.recipe.rounds + 1)]
    begun = any(one.made or one.folder.exists() for one in rounds)
    state = "exists, nothing to do" if plan.made else "begun, to be resumed" if begun else "new"
    target = f"{registry.PREFIX}{plan.name} in {registry.models_folder()}"
    notes = [f"  {VERIFIED_NOTE}"] if plan.variant == registry.VERIFIED else []
    return [
        *notes,
        f"  base {where}; {_counted(plan.prompts.count, 'prompt')}{dropped}",
        f"  → {target}, fingerprint {plan.fingerprint[:16]} ({state})",
    ]
