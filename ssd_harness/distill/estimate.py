"""Estimate what a plan costs, compare it with this machine, and refuse what cannot fit before sampling."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ssd_harness.artifacts.base_model import settings_folder
from ssd_harness.distill.evaluation_fit import (
    evaluation_line,
    evaluation_memory,
    evaluation_misfits,
    evaluation_ways,
    refuse,
)
from ssd_harness.distill.plan import Plan
from ssd_harness.engines.model_settings import read_settings
from ssd_harness.estimates.device_memory import gigabytes
from ssd_harness.estimates.evaluation_cost import Evaluation
from ssd_harness.estimates.machine import Machine, free_disk, this_machine, usual_gpu
from ssd_harness.estimates.model_size import ModelSize, size_of
from ssd_harness.estimates.training_cost import GPU_WORDS, Cost, assumptions, cost_of, gpu_time, rounded
from ssd_harness.estimates.training_fit import Need, misfits, need_of, ways
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import Resolved

USUAL_TOKENS = 4096
"""Sample length of the second, smaller estimate: few samples reach the maximum."""
_USUAL_GB = 80.0
"""The GPU to compare with if there is none here and the recipe names none."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The costs of a plan, and the disk space available."""

    plan: Plan
    size: ModelSize | None
    cost: Cost
    usual: Cost
    """The costs if samples have ``USUAL_TOKENS`` tokens on average."""
    stored: int
    """Bytes per parameter of the checkpoint."""
    present: int
    """Bytes already on the disk: the base model, and artifacts of this plan."""
    free: int
    """Free bytes on the disk of the state folder."""
    folder: Path
    evaluation: Evaluation | None = None
    """The evaluation that follows, if any."""

    def disk(self, recipe: Recipe) -> float:
        """Return the bytes that a run with ``recipe`` still needs on the disk."""
        return max(0, (_cost(self.plan, recipe, self.size, self.stored).disk or 0) - self.present)

    def misfits(self, machine: Machine, *, trains: bool = True) -> list[str]:
        """Return a clause for each thing that does not fit; empty if the model's size is unknown."""
        if self.size is None:
            return []
        need = need_of(self.plan.recipe, self.size, machine, stored=self.stored)
        disk = self.disk(self.plan.recipe) if trains else max(0, self.cost.samples_disk - self.present)
        return misfits(need, machine, disk, self.free, trains=trains)

    def evaluation_misfits(self, machine: Machine) -> list[str]:
        """Return a clause for each part of the evaluation that does not fit."""
        if self.size is None or self.evaluation is None:
            return []
        return evaluation_misfits(self.evaluation, self.size, machine, stored=self.stored)

    def require_fit(self, machine: Machine, *, trains: bool = True) -> None:
        """Raise :class:`UsageError` if something does not fit, with settings that would fit."""
        in_transform, in_evaluation = self.misfits(machine, trains=trains), self.evaluation_misfits(machine)
        if not (in_transform or in_evaluation) or not self.plan.recipe.check_fit or self.size is None:
            return
        recipe = self.plan.recipe
        settings: list[str] = []
        if in_transform:
            settings += ways(recipe, self.size, machine, stored=self.stored, disk=self.disk, free=self.free)
        if in_evaluation and self.evaluation:
            settings += evaluation_ways(self.evaluation, self.size, machine, stored=self.stored)
        other_steps = []
        if in_transform and self.disk(recipe) > self.free:
            other_steps.append("`ssd-harness cache prune` frees disk, SSD_HARNESS_HOME= names a folder on another one")
        raise refuse(in_transform + in_evaluation, settings, *other_steps)


def estimate_of(plan: Plan, evaluation: Evaluation | None = None) -> Estimate:
    """Estimate the costs of ``plan`` and of the evaluation after it, from the model's settings alone."""
    folder = plan.base.local or settings_folder(plan.base.name, plan.base.revision)
    size = size_of(plan.base.name, folder)
    stored = stored_bytes(plan.recipe, folder)
    usual = replace(plan.recipe, max_new_tokens_train=min(USUAL_TOKENS, plan.recipe.max_new_tokens_train))
    present = 0 if plan.base.local or folder is None else _size(folder.glob("*.safetensors"))
    folders = [folder for round_ in plan.rounds for folder in (round_.samples, round_.kept, round_.training)]
    present += _size(file for folder in folders for file in folder.rglob("*"))
    where, free = free_disk()
    cost, at_usual = (_cost(plan, recipe, size, stored) for recipe in (plan.recipe, usual))
    return Estimate(plan, size, cost, at_usual, stored, present, free, where, evaluation)


def cost_lines(estimate: Estimate, machine: Machine) -> list[str]:
    """Return lines with the plan's maximum costs in tokens, GPU time, disk and memory, beside what is available."""
    plan, cost, size = estimate.plan, estimate.cost, estimate.size
    rounds = f" in {plan.recipe.rounds} rounds" if plan.recipe.rounds > 1 else ""
    lines = [
        f"samples: {cost.samples:,}{rounds}, at most {cost.sampled_tokens:,} tokens",
        f"training: {cost.sequences:,} sequences{rounds}, at most {cost.trained_tokens:,} tokens",
        *([evaluation_line(estimate.evaluation)] if estimate.evaluation else []),
    ]
    if size is None or cost.disk is None or cost.kept is None:
        return [*lines, "GPU time, disk and memory cannot be estimated: the size of this model is not known"]
    parameters = f"{_count(size.parameters)} parameters{_active(size)}"
    disk = f"at most {rounded(cost.disk / 1e9)} GB while it runs, {rounded(cost.kept / 1e9)} GB to keep"
    need = need_of(plan.recipe, size, machine, stored=estimate.stored)
    return [
        *lines,
        f"GPU time (estimated): {_times(estimate)}{_usual(estimate)} ({parameters}, a GPU of {GPU_WORDS})",
        f"disk (estimated): {disk}; {gigabytes(estimate.free)} GB are free in {estimate.folder}",
        memory_line(plan.recipe, need, machine, _evaluation_words(estimate, machine)),
    ]


def dry_lines(estimate: Estimate) -> list[str]:
    """Return the cost lines, their assumptions, and whether the plan fits this machine or a usual one."""
    recipe, size = estimate.plan.recipe, estimate.size
    machine, usual = this_machine(recipe), usual_machine(estimate.plan.resolved)
    lines = cost_lines(estimate, machine if machine.on_gpu else usual)
    if size:
        lines += fit_lines(recipe, size, machine, usual, stored=estimate.stored, evaluation=estimate.evaluation)
        if estimate.disk(recipe) > estimate.free:
            lines.append("warning: the disk is too small; SSD_HARNESS_HOME= names a folder on another one")
    return [*lines, *(f"assumed: {line}" for line in assumptions(recipe, size))]


def memory_line(recipe: Recipe, need: Need, machine: Machine, evaluation: str = "") -> str:
    """Return the line with the memory of training, sampling and ``evaluation`` by part, and the memory available."""
    training = need.training
    parts = {
        "weights": training.weights,
        "gradients": training.gradients,
        "optimiser": training.optimizer,
        "activations": training.activations,
    }
    shared = f", shared by {recipe.gpus}" if recipe.shared != "none" else ""
    of_training = ", ".join(f"{name} {gigabytes(value)}" for name, value in parts.items())
    sampling = need.sampling
    of_sampling = f"weights {gigabytes(sampling.weights)}, cache of a sequence {gigabytes(sampling.cache)}"
    several = f" for {need.processes} processes" if need.processes > 1 else ""
    there = f"; {machine.words}" if machine.memory is not None and machine.is_here else ""
    return (
        f"memory{' of the fullest GPU' if machine.on_gpu else ''}{several} (estimated): training"
        f" {gigabytes(need.to_train)} GB ({of_training}{shared}), sampling {gigabytes(need.to_sample)} GB"
        f" ({of_sampling}){', ' if evaluation else ''}{evaluation}{there}"
    )


def fit_lines(
    recipe: Recipe,
    size: ModelSize,
    machine: Machine,
    usual: Machine,
    *,
    stored: int,
    evaluation: Evaluation | None = None,
) -> list[str]:
    """Return whether the recipe fits the memory of ``machine``, and of ``usual`` if ``machine`` has no GPU."""
    lines = []
    for candidate in [machine] if machine.on_gpu else [usual, machine]:
        in_transform = misfits(need_of(recipe, size, candidate, stored=stored), candidate)
        in_evaluation = evaluation_misfits(evaluation, size, candidate, stored=stored) if evaluation else []
        if not in_transform + in_evaluation:
            lines.append(f"that fits the {candidate.words}")
            continue
        lines.append(f"warning: {'; '.join(in_transform + in_evaluation)}")
        if candidate.on_gpu:
            settings = ways(recipe, size, candidate, stored=stored) if in_transform else []
            if evaluation and in_evaluation:
                settings += evaluation_ways(evaluation, size, candidate, stored=stored)
            lines += [f"what would fit: {setting}" for setting in settings] or ["no setting would fit"]
    return lines


def usual_machine(resolved: Resolved) -> Machine:
    """Return the machine that the recipe's launch is for, or one with an 80 GB GPU."""
    return usual_gpu(next((launch.gpu_gb for launch in resolved.launches if launch.gpu_gb), _USUAL_GB))


def stored_bytes(recipe: Recipe, folder: Path | None) -> int:
    """Return the checkpoint's bytes per parameter."""
    stored = recipe.dtype_checkpoint
    if stored == "auto" and folder:
        config = read_settings(folder / "config.json")
        stored = config.get("dtype") or config.get("torch_dtype") or "auto"
    return 4 if stored == "float32" else 2


def _cost(plan: Plan, recipe: Recipe, size: ModelSize | None, stored: int) -> Cost:
    return cost_of(recipe, plan.prompts.count, size, stored=stored, download=not plan.base.local)


def _size(files: Iterable[Path]) -> int:
    total = 0
    for file in files:
        with contextlib.suppress(OSError):  # a running stage may remove a file meanwhile
            total += file.stat().st_size if file.is_file() else 0
    return total


def _times(estimate: Estimate) -> str:
    hours = [(estimate.cost.sampling_h, "to sample"), (estimate.cost.training_h, "to train")]
    if estimate.evaluation and estimate.size:
        hours.append((estimate.evaluation.hours(estimate.size), "to evaluate"))
    *first, last = [f"{gpu_time(value)} {words}" for value, words in hours]
    return f"{', '.join(first)} and {last} at most"


def _usual(estimate: Estimate) -> str:
    if estimate.plan.recipe.max_new_tokens_train <= USUAL_TOKENS:
        return ""
    hours = [estimate.usual.sampling_h, estimate.usual.training_h]
    if estimate.evaluation and estimate.size:
        hours.append(estimate.evaluation.up_to(USUAL_TOKENS).hours(estimate.size))
    *first, last = map(gpu_time, hours)
    return f"; {', '.join(first)} and {last} if samples average {USUAL_TOKENS:,} tokens"


def _evaluation_words(estimate: Estimate, machine: Machine) -> str:
    if estimate.evaluation is None or estimate.size is None:
        return ""
    return evaluation_memory(estimate.evaluation, estimate.size, machine, stored=estimate.stored)


def _count(count: int) -> str:
    return f"{count / 1e9:,.1f} billion" if count >= 5e8 else f"{count:,}"


def _active(size: ModelSize) -> str:
    return f", {_count(size.active)} of them active" if size.active < size.parameters else ""
