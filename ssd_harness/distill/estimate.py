"""What a plan costs, by estimate, beside what this machine has; a run that cannot fit is stopped before it samples."""

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
"""A sample's length for the second, smaller time that is told: few samples are as long as they may be."""
_USUAL_GB = 80.0
"""A GPU to compare with where none is here, and the recipe is for no other."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan costs, and what is here."""

    plan: Plan
    size: ModelSize | None
    cost: Cost
    usual: Cost
    """The same if samples have ``USUAL_TOKENS`` tokens on average."""
    stored: int
    """Bytes a parameter of the checkpoint."""
    present: int
    """Bytes of it that are on the disk: of the base, and of an earlier run of this plan."""
    free: int
    """Bytes free where the state folder is."""
    folder: Path
    evaluation: Evaluation | None = None
    """The evaluation that follows; None where none is asked for."""

    def disk(self, recipe: Recipe) -> float:
        """Return the bytes that a run by ``recipe`` would still take on the disk."""
        return max(0, (_cost(self.plan, recipe, self.size, self.stored).disk or 0) - self.present)

    def misfits(self, machine: Machine, *, trains: bool = True) -> list[str]:
        """Say what does not fit, a clause each; nothing where all does, or where the model's size is not known."""
        if self.size is None:
            return []
        need = need_of(self.plan.recipe, self.size, machine, stored=self.stored)
        disk = self.disk(self.plan.recipe) if trains else max(0, self.cost.samples_disk - self.present)
        return misfits(need, machine, disk, self.free, trains=trains)

    def evaluation_misfits(self, machine: Machine) -> list[str]:
        """Say what of the evaluation does not fit."""
        if self.size is None or self.evaluation is None:
            return []
        return evaluation_misfits(self.evaluation, self.size, machine, stored=self.stored)

    def require_fit(self, machine: Machine, *, trains: bool = True) -> None:
        """Stop where something does not fit, and name what would. Raises :class:`UsageError`."""
        found, of_evaluation = self.misfits(machine, trains=trains), self.evaluation_misfits(machine)
        if not (found or of_evaluation) or not self.plan.recipe.check_fit or self.size is None:
            return
        recipe = self.plan.recipe
        offered = ways(recipe, self.size, machine, stored=self.stored, disk=self.disk, free=self.free) if found else []
        if of_evaluation and self.evaluation:
            offered += evaluation_ways(self.evaluation, self.size, machine, stored=self.stored)
        others = []
        if found and self.disk(recipe) > self.free:
            others.append("`ssd-harness cache prune` frees disk, SSD_HARNESS_HOME= names a folder on another one")
        raise refuse(found + of_evaluation, offered, *others)


def estimate_of(plan: Plan, evaluation: Evaluation | None = None) -> Estimate:
    """Reckon what ``plan`` costs, and the evaluation after it; only settings are read."""
    folder = plan.base.local or settings_folder(plan.base.name, plan.base.revision)
    size = size_of(plan.base.name, folder)
    stored = stored_bytes(plan.recipe, folder)
    usual = replace(plan.recipe, max_new_tokens_train=min(USUAL_TOKENS, plan.recipe.max_new_tokens_train))
    present = 0 if plan.base.local or folder is None else _size(folder.glob("*.safetensors"))
    folders = [folder for one in plan.rounds for folder in (one.samples, one.kept, one.training)]
    present += _size(file for folder in folders for file in folder.rglob("*"))
    where, free = free_disk()
    cost, at_usual = (_cost(plan, recipe, size, stored) for recipe in (plan.recipe, usual))
    return Estimate(plan, size, cost, at_usual, stored, present, free, where, evaluation)


def cost_lines(estimate: Estimate, machine: Machine) -> list[str]:
    """Return what the plan costs at most, a line each: tokens, GPU time, disk, and memory beside what is here."""
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
    """Return the costs with all that they assume, and whether the plan fits this machine or a usual one."""
    recipe, size = estimate.plan.recipe, estimate.size
    machine, usual = this_machine(recipe), usual_machine(estimate.plan.resolved)
    lines = cost_lines(estimate, machine if machine.on_gpu else usual)
    if size:
        lines += fit_lines(recipe, size, machine, usual, stored=estimate.stored, evaluation=estimate.evaluation)
        if estimate.disk(recipe) > estimate.free:
            lines.append("warning: the disk is too small; SSD_HARNESS_HOME= names a folder on another one")
    return [*lines, *(f"assumed: {line}" for line in assumptions(recipe, size))]


def memory_line(recipe: Recipe, need: Need, machine: Machine, evaluation: str = "") -> str:
    """Return what training, sampling and ``evaluation`` take of a device, part by part, and what is there."""
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
    """Say whether the recipe fits the memory of ``machine``; where that has no GPU, of ``usual`` as well."""
    lines = []
    for one in [machine] if machine.on_gpu else [usual, machine]:
        found = misfits(need_of(recipe, size, one, stored=stored), one)
        of_evaluation = evaluation_misfits(evaluation, size, one, stored=stored) if evaluation else []
        if not found + of_evaluation:
            lines.append(f"that fits the {one.words}")
            continue
        lines.append(f"warning: {'; '.join(found + of_evaluation)}")
        if one.on_gpu:
            offered = ways(recipe, size, one, stored=stored) if found else []
            if evaluation and of_evaluation:
                offered += evaluation_ways(evaluation, size, one, stored=stored)
            lines += [f"what would fit: {way}" for way in offered] or ["no setting would fit"]
    return lines


def usual_machine(resolved: Resolved) -> Machine:
    """Return the machine that the recipe's launch is for, else one with a GPU of 80 GB."""
    return usual_gpu(next((launch.gpu_gb for launch in resolved.launches if launch.gpu_gb), _USUAL_GB))


def stored_bytes(recipe: Recipe, folder: Path | None) -> int:
    """Return the bytes a parameter of the checkpoint takes."""
    stored = recipe.dtype_checkpoint
    if stored == "auto" and folder:
        config = read_settings(folder / "config.json")
        stored = config.get("dtype") or config.get("torch_dtype") or "auto"
    return 4 if stored == "float32" else 2


def _cost(plan: Plan, recipe: Recipe, size: ModelSize | None, stored: int) -> Cost:
    return cost_of(recipe, plan.prompts.count, size, stored=stored, download=not plan.base.local)


def _size(files: Iterable[Path]) -> int:
    found = 0
    for file in files:
        with contextlib.suppress(OSError):  # a run that is at work removes some
            found += file.stat().st_size if file.is_file() else 0
    return found


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
