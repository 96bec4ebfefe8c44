"""Estimate whether a run fits a machine, and find settings that would make it fit."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ssd_harness.estimates.device_memory import (
    SamplingMemory,
    TrainingMemory,
    gigabytes,
    sampling_memory,
    training_memory,
)
from ssd_harness.estimates.machine import Machine
from ssd_harness.estimates.model_size import ModelSize
from ssd_harness.estimates.training_cost import PROMPT_TOKENS, longest_sequence, rounded
from ssd_harness.recipe.definition import Recipe

LORA_RANK = 32
_LORA = "with LoRA"
_GPUS = (2, 4, 8)
_SHORTEST = 1024
"""Tokens of a sequence; shorter ones are not suggested, because a prompt takes half of it."""
_SAME_RESULT: tuple[dict[str, Any], ...] = (
    {},
    {"gradient_checkpointing": True},
    {"gradient_checkpointing": True, "micro_batch_size": 1},
)
"""Settings that take less memory and make the same checkpoint."""

DiskNeed = Callable[[Recipe], float]
"""Returns the bytes that a run with a recipe still needs on the disk."""


@dataclass(frozen=True, slots=True)
class Need:
    """Memory that a run needs, in bytes."""

    training: TrainingMemory
    sampling: SamplingMemory
    row: int
    """Tokens of the longest training sequence."""
    sequence: int
    """Tokens of the longest sample, prompt included."""
    processes: int
    """Number of processes that share the memory: all of them on a CPU, 1 on GPUs."""
    check: float
    """Memory of the host that loading the checkpoint for its check needs."""

    @property
    def to_train(self) -> float:
        """Bytes of the device during training."""
        return self.processes * self.training.total

    @property
    def to_sample(self) -> float:
        """Bytes of the device during sampling."""
        return self.processes * self.sampling.total

    @property
    def memory(self) -> float:
        """Most bytes of the device at any time."""
        return max(self.to_train, self.to_sample)


def need_of(recipe: Recipe, size: ModelSize, machine: Machine, *, stored: int) -> Need:
    """Return the memory that ``recipe`` needs on ``machine``; ``stored`` is the checkpoint's bytes per parameter."""
    sequence = longest_sequence(recipe, size)
    row = min(recipe.max_length_train, sequence)
    return Need(
        training_memory(recipe, size, row, half=machine.on_gpu),
        sampling_memory(recipe, size, sequence, half=machine.on_gpu),
        row,
        sequence,
        1 if machine.on_gpu else recipe.gpus,
        float(stored * size.parameters),
    )


def misfits(
    need: Need, machine: Machine, disk: float = 0, free: float = float("inf"), *, trains: bool = True
) -> list[str]:
    """Return a clause for each thing that does not fit; ``trains`` is false if only samples are drawn."""
    clauses = []
    room = float("inf") if machine.memory is None else machine.memory
    several = f" in {need.processes} processes" if need.processes > 1 else ""
    if trains and need.to_train > room:
        whatever = need.processes * (need.training.fixed + need.training.scratch) > room
        rows = "" if whatever else f" on sequences of {need.row:,} tokens"
        clauses.append(
            f"training{rows}{several} takes about {gigabytes(need.to_train)} GB, more than the {machine.words}"
        )
    if need.to_sample > room:
        rows = f" sequences of {need.sequence:,} tokens"
        clauses.append(
            f"sampling{rows}{several} takes about {gigabytes(need.to_sample)} GB, more than the {machine.words}"
        )
    if trains and need.check > machine.host:
        host = f"the {gigabytes(machine.host)} GB of memory of this host"
        clauses.append(f"loading the checkpoint to check it takes {gigabytes(need.check)} GB, more than {host}")
    if disk > free:
        clauses.append(f"the run takes up to {rounded(disk / 1e9)} GB of disk, and {rounded(free / 1e9)} GB are free")
    return clauses


def ways(
    recipe: Recipe, size: ModelSize, machine: Machine, *, stored: int, disk: DiskNeed | None = None, free: float = 0
) -> list[str]:
    """Return the settings that would fit by the same estimate, each with the memory that a device needs."""

    def fits(changed: Recipe) -> bool:
        need = need_of(changed, size, machine, stored=stored)
        return not misfits(need, machine, disk(changed) if disk else 0, free if disk else float("inf"))

    offered = []
    for words, alternatives in _changes(recipe, machine):
        tried = (_smallest_change(recipe, settings, fits) for settings in alternatives)
        if settings := next(filter(None, tried), None):
            need = need_of(replace(recipe, **settings), size, machine, stored=stored)
            given = ",".join(f"{name}={_word(value)}" for name, value in settings.items())
            offered.append(f"{given} ({gigabytes(need.memory)} GB{f' {words}' if words else ''})")
            if words == _LORA and "max_length_train" not in settings:
                break  # four bits are not needed
    return offered


def _changes(recipe: Recipe, machine: Machine) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield ways to change a recipe, the smallest change first: a phrase, and alternative settings."""
    yield "", [{}]
    if machine.on_gpu and recipe.trainer == "trl" and not recipe.lora_quantize:
        counts = [count for count in _GPUS if count > recipe.gpus and recipe.batch_size_train % count == 0]
        sharding = {"sharding": "fsdp2"} if recipe.lora_rank or recipe.sharding == "none" else {}
        yield "of each GPU", [{"gpus": count, **sharding} for count in counts]
    if not recipe.lora_rank:
        yield _LORA, [{"lora_rank": LORA_RANK}]
    if not recipe.lora_quantize and not recipe.dequantize and recipe.sharding in ("auto", "none"):
        rank = {} if recipe.lora_rank else {"lora_rank": LORA_RANK}
        yield "with LoRA on a base of 4 bits", [{**rank, "lora_quantize": "4bit"}]


def _smallest_change(
    recipe: Recipe, settings: Mapping[str, Any], fits: Callable[[Recipe], bool]
) -> dict[str, Any] | None:
    """Add to ``settings`` as little as makes the recipe fit; None where nothing does."""
    for same_result in _SAME_RESULT:
        more = {name: value for name, value in same_result.items() if getattr(recipe, name) != value}
        changed = {**settings, **more}
        if fits(replace(recipe, **changed)):
            return changed
    if "gpus" in settings:
        return None
    length = 1 << (min(recipe.max_length_train, recipe.max_new_tokens_train + PROMPT_TOKENS) - 1).bit_length() - 1
    while length >= _SHORTEST:
        shorter = {**changed, "max_length_train": length}
        for lengths in (shorter, {**shorter, "max_new_tokens_train": min(length, recipe.max_new_tokens_train)}):
            if fits(replace(recipe, **lengths)):
                return lengths
        length //= 2
    return None


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
