"""The lines that describe a plan, printed by lm-eval runs and by the commands."""

import sys
from collections.abc import Callable

from ssd_harness import prompt_styles
from ssd_harness.artifacts import registry
from ssd_harness.artifacts.layout import models_folder
from ssd_harness.distill.plan import Plan
from ssd_harness.engines.choice import EngineChoice
from ssd_harness.printable import printable
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts.prompt_set import PromptSet
from ssd_harness.recipe.definition import FIELDS, Recipe
from ssd_harness.recipe.resolution import GIVEN, Resolved

VERIFIED_NOTE = f"{registry.VERIFIED}: samples are chosen by what their programs do, which plain SSD never looks at"

_SHOWN = 5
"""Most overlaps that a plan lists."""

Say = Callable[[str], None]


def say(line: str) -> None:
    """Print one line about the run to standard error, apart from lm-eval's log."""
    print(f"ssd-harness: {_indent(line)}{printable(line, 4000)}", file=sys.stderr, flush=True)


def _indent(line: str) -> str:
    return " " * (len(line) - len(line.lstrip(" ")))


def intentions(pretrained: str, resolved: Resolved, style: PromptTemplate) -> list[str]:
    """Return the lines that follow from the recipe alone, before anything is downloaded."""
    recipe = resolved.recipe
    mine = {name for name, source in resolved.origins.items() if source == GIVEN} - recipe.side("run").keys()
    given = [f"{name}={getattr(recipe, name)}" for name in resolved.origins if name in mine]
    extent = _counted(recipe.steps, "step") if recipe.steps else f"{recipe.epochs:g} epochs"
    adapters = f"LoRA of rank {recipe.lora_rank} (not the paper's full fine-tuning)"
    what = adapters if recipe.lora_rank else "all parameters"
    limit = f" (at most {recipe.prompt_limit:,})" if recipe.prompt_limit else ""
    draws = f"T {recipe.T_train:g}, top-k {recipe.top_k_train or 'none'}, top-p {recipe.top_p_train:g}"
    rates = f"learning rate {recipe.lr:g} to {recipe.min_lr:g}"
    rates += f", loss by {recipe.loss_weighting}" if recipe.loss_weighting != FIELDS["loss_weighting"].default else ""
    samples = _counted(recipe.n_train, "sample")
    plan = [
        f"self-distillation of {pretrained} ({resolved.summary}{', ' + ' '.join(given) if given else ''})",
        f"  {samples} per prompt from {recipe.prompts}{limit}: {draws}, filter {recipe.filter}",
        f"  train {what} for {extent} of {_counted(recipe.batch_size_train, 'sequence')}, {rates}",
        f"  {engine_words(resolved)}",
    ]
    if style.name != prompt_styles.DEFAULT or recipe.system_message is not None:
        plan.append(f"  prompt style {style.shown}{_system_words(style, recipe)}")
    if recipe.gpus > 1:
        sharding = f", sharding {recipe.shared}" if recipe.shared != "none" else ""
        plan.append(f"  {recipe.gpus} processes sample and train{sharding}")
    if recipe.allow_overlap:
        plan.append("  allow_overlap=true: prompts that overlap evaluated problems are kept")
    return [*plan, *_rounds(recipe)]


def _system_words(style: PromptTemplate, recipe: Recipe) -> str:
    if recipe.system_message is not None:
        return ", with the recipe's system message"
    return ", with a system message" if style.system is not None else "" if style.chat else ", a raw completion"


def engine_words(resolved: Resolved) -> str:
    """Return which engine samples and evaluates, and why."""
    return EngineChoice(resolved.recipe.engine, resolved.origins["engine"]).words


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _rounds(recipe: Recipe) -> list[str]:
    if recipe.rounds == 1:
        return []
    return [f"  {recipe.rounds} rounds, each sampling from the checkpoint of the round before"]


def facts(plan: Plan) -> list[str]:
    """Return the lines that follow from the base model, the prompts and the registry."""
    where = plan.base.local or f"commit {plan.base.revision}, to be downloaded"
    dropped = f", {_counted(plan.prompts.duplicates, 'duplicate')} dropped" if plan.prompts.duplicates else ""
    # Zero is worth a line: the file then names prompts of another set.
    dropped += f", {plan.prompts.excluded:,} left out by exclude_prompts" if plan.recipe.exclude_prompts else ""
    dropped += _overlap_words(plan.prompts)
    begun = any(round_.begun for round_ in plan.rounds)
    state = "exists, nothing to do" if plan.checkpoint else "begun, to be resumed" if begun else "new"
    target = f"{registry.PREFIX}{plan.name} in {models_folder()}"
    notes = [f"  {VERIFIED_NOTE}"] if plan.variant == registry.VERIFIED else []
    return [
        *notes,
        f"  base {where}; {_counted(plan.prompts.count, 'prompt')}{dropped}",
        *(f"  {line}" for line in prompt_lines(plan)),
        f"  → {target}, fingerprint {plan.fingerprint[:16]} ({state})",
    ]


def prompt_lines(plan: Plan) -> list[str]:
    """Return the lines about the prompts: overlaps, differences from the paper's set, and the number of epochs."""
    prompts, recipe = plan.prompts, plan.recipe
    lines = list(prompts.notes)
    for prompt, problem, score in prompts.overlaps[:_SHOWN]:
        lines.append(f"overlap: {prompt!a} contains {score:.0%} of LiveCodeBench's {problem!a}")
    if prompts.overlapping > _SHOWN:
        lines.append(f"overlap: {prompts.overlapping - _SHOWN:,} more, in the manifest")
    if prompts.published not in (None, prompts.different):
        lines.append(
            f"{prompts.different:,} different prompts in {recipe.prompts}, where the paper counts {prompts.published:,}"
        )
    samples = prompts.count * recipe.n_train
    if recipe.steps:
        passes = recipe.steps * recipe.batch_size_train / samples
        epochs = f"{passes:,.1f} epochs" if passes >= 1 else f"{passes:.2g} epochs"
        steps = _counted(recipe.steps, "step")
        lines.append(f"{steps} are {epochs} of {_counted(samples, 'sample')}, if all are kept")
    return lines


def _overlap_words(prompts: PromptSet) -> str:
    if not prompts.overlapping:
        return ""
    if prompts.overlap_kept:
        return f", {prompts.overlapping:,} of them overlap LiveCodeBench problems (kept by allow_overlap=true)"
    return f", {prompts.overlapping:,} left out because they overlap LiveCodeBench problems"
