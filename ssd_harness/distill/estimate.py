"""What a plan costs at most, from its own numbers and the base model's configuration, with what is assumed."""

from dataclasses import dataclass
from pathlib import Path

from ssd_harness.distill import device_memory
from ssd_harness.distill.base_model import settings_folder
from ssd_harness.distill.model_size import ModelSize, size_of
from ssd_harness.distill.plan import Plan
from ssd_harness.recipe import Recipe
from ssd_harness.recipes.recognition import read_settings

_FORWARD, _TRAIN, _TRAIN_LORA = 2, 6, 4
"""Floating point operations a parameter and token: reading one, training all weights on it, training adapters on it."""
_ATTENTION = 3
"""What training takes of attention's forward pass, which has no weights that adapters could spare."""
_GPU_FLOPS = 4e14
"""What one current data-centre GPU sustains in bfloat16 while training; sampling reaches a fraction of it."""
_SAMPLING_SHARE = 0.1
PROMPT_TOKENS = 500
"""A prompt's length, which nothing says before it is read."""
_STATE_BYTES = 12
"""Bytes a trained parameter in a saved training state (weight and two moments, float32)."""
_STATES = 3
"""Saved training states at the worst moment: two are kept while the next one is written."""
_SAMPLE_BYTES, _ROW_BYTES = 16, 8
"""Bytes a token on disk: sampled and kept shards with ids and text; training rows with ids and labels."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Upper bounds of one transform."""

    samples: int
    sampled_tokens: int
    sequences: int
    trained_tokens: int
    sampling_h: float | None
    """Hours of one GPU; None where the model's size is not known."""
    training_h: float | None
    disk: int | None
    """Bytes while it runs."""
    kept: int | None
    """Bytes of the checkpoints: each round's stays."""


def estimate(plan: Plan) -> list[str]:
    """Return lines with upper bounds of tokens, GPU time, disk and GPU memory, and what they assume."""
    recipe = plan.recipe
    folder = plan.base.local or settings_folder(plan.base.name, plan.base.revision)
    size = size_of(plan.base.name, folder)
    cost = cost_of(recipe, plan.prompts.count, size, stored=_stored_bytes(recipe, folder), download=not plan.base.local)
    rounds = f" in {recipe.rounds} rounds" if recipe.rounds > 1 else ""
    lines = [
        f"samples: {cost.samples:,}{rounds}, at most {cost.sampled_tokens:,} tokens",
        f"training: {cost.sequences:,} sequences{rounds}, at most {cost.trained_tokens:,} tokens",
    ]
    if size is None or cost.disk is None or cost.kept is None:
        lines.append("GPU time, disk and GPU memory: not known, for nothing says how large the model is")
    else:
        times = f"at most {gpu_time(cost.sampling_h)} to sample and {gpu_time(cost.training_h)} to train"
        lines.append(f"GPU time: {times} ({_shown(size.parameters)} parameters{_active(size)})")
        lines.append(
            f"disk: at most {_rounded(cost.disk / 1e9)} GB while it runs, {_rounded(cost.kept / 1e9)} GB to keep"
        )
        lines += device_memory.described(recipe, size, PROMPT_TOKENS)
    return [*lines, *(f"assumed: {line}" for line in _assumptions(recipe, size))]


def cost_of(recipe: Recipe, prompts: int, size: ModelSize | None, *, stored: int, download: bool) -> Cost:
    """Return the upper bounds for ``prompts`` prompts; ``stored`` is bytes a parameter of the checkpoint."""
    each = prompts * recipe.n_train
    longest = PROMPT_TOKENS + recipe.max_new_tokens_train
    row = min(recipe.max_length_train, longest)
    seen = (recipe.steps or 0) * recipe.batch_size_train or int(each * (recipe.epochs or 1))
    sampled, trained = each * recipe.max_new_tokens_train * recipe.rounds, seen * row * recipe.rounds
    counts = (each * recipe.rounds, sampled, seen * recipe.rounds, trained)
    if size is None:
        return Cost(*counts, None, None, None, None)
    # Half of the full length is what a token finds before itself on average.
    forward = _FORWARD * size.active + size.attention * longest / 2
    training = _train(recipe) * size.active + _attention(recipe) * size.attention * row * _rows(recipe) / 2
    checkpoint = stored * size.parameters
    trained_parameters = recipe.lora_rank * size.adapted if recipe.lora_rank else size.parameters
    # Each round's checkpoint stays beside the next one; the last is there twice while it is written.
    disk = checkpoint * (recipe.rounds + 1) + _STATES * _STATE_BYTES * trained_parameters
    disk += sampled * _SAMPLE_BYTES + each * row * _ROW_BYTES + (checkpoint if download else 0)
    return Cost(
        *counts,
        sampling_h=sampled * forward / (_GPU_FLOPS * _SAMPLING_SHARE) / 3600,
        training_h=trained * training / _GPU_FLOPS / 3600,
        disk=int(disk),
        kept=checkpoint * recipe.rounds,
    )


def _train(recipe: Recipe) -> int:
    """Operations a parameter and token in training; gradient checkpointing runs the forward pass twice."""
    return (_TRAIN_LORA if recipe.lora_rank else _TRAIN) + _FORWARD * recipe.gradient_checkpointing


def _attention(recipe: Recipe) -> int:
    return _ATTENTION + recipe.gradient_checkpointing


def _rows(recipe: Recipe) -> int:
    """Rows that attention goes over at once: where it is masked, and not skipped, all of those packed together."""
    return recipe.micro_batch_size if recipe.packing and "flash" not in (recipe.attention or "") else 1


def _assumptions(recipe: Recipe, size: ModelSize | None) -> list[str]:
    longest = f"max_new_tokens_train={recipe.max_new_tokens_train:,}"
    lengths = f"samples run to {longest} (most end long before), prompts have {PROMPT_TOKENS} tokens, all are kept"
    if size is None:
        return [lengths]
    packed = f" of {_rows(recipe)} packed rows" if _rows(recipe) > 1 else ""
    attention = f"attention over the full length{packed}, {_attention(recipe)} times its forward pass in training"
    speed = f"a GPU with {_GPU_FLOPS / 1e12:.0f} TFLOP/s in training and {_SAMPLING_SHARE:.0%} of that in sampling"
    work = f"{_FORWARD} operations an active parameter and token in sampling, {_train(recipe)} in training, {attention}"
    disk = (
        f"{_STATES} training states of {_STATE_BYTES} bytes a trained parameter, {_SAMPLE_BYTES} bytes a sampled token"
    )
    memory = "GPU memory counted layer by layer; within 1.4 times of small trainings on a CPU, not measured on a GPU"
    return [lengths, f"{speed}; {work}", memory, f"{disk}, and the base model where it has to be downloaded"]


def _stored_bytes(recipe: Recipe, folder: Path | None) -> int:
    """Return the bytes a parameter of the checkpoint takes."""
    stored = recipe.dtype_checkpoint
    if stored == "auto" and folder:
        config = read_settings(folder / "config.json")
        stored = config.get("dtype") or config.get("torch_dtype") or "auto"
    return 4 if stored == "float32" else 2


def _rounded(value: float | None) -> str:
    return f"{value:,.1f}" if value is not None and value >= 10 else f"{value or 0:.2g}"


def gpu_time(hours: float | None) -> str:
    """Return the time of one GPU in words."""
    minutes = (hours or 0) * 60
    if minutes < 1:
        return "under a minute"
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{_rounded(hours)} hours"


def _shown(count: int) -> str:
    return f"{count / 1e9:,.1f} billion" if count >= 5e8 else f"{count:,}"


def _active(size: ModelSize) -> str:
    return f", {_shown(size.active)} of them active" if size.active < size.parameters else ""
