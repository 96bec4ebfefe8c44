"""Upper bounds of what a transform costs, from its recipe and the size of the model."""

from dataclasses import dataclass

from ssd_harness.estimates.model_size import ModelSize
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.values import LARGEST_WHOLE

_FORWARD, _TRAIN, _TRAIN_LORA = 2, 6, 4
"""Floating point operations a parameter and token: reading one, training all weights on it, training adapters on it."""
_ATTENTION = 3
"""Cost of attention in training, in forward passes; adapters do not reduce it, because attention has no weights."""
_GPU_FLOPS = 4e14
"""Operations per second of one current data-centre GPU in bfloat16 training; sampling reaches a fraction of it."""
GPU_WORDS = f"{_GPU_FLOPS / 1e12:.0f} TFLOP/s"
_SAMPLING_SHARE = 0.1
PROMPT_TOKENS = 500
"""Assumed length of a prompt; the real lengths are unknown before the prompts are read."""
_STATE_BYTES = 12
"""Bytes per trained parameter in a saved training state (weight and two moments, float32)."""
_STATES = 3
"""Most saved training states at one time: two are kept while the next one is written."""
_SAMPLE_BYTES, _ROW_BYTES = 16, 8
"""Bytes per token on disk: for raw and kept samples with ids and text; for training rows with ids and labels."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Upper bounds of one transform."""

    samples: int
    sampled_tokens: int
    sequences: int
    trained_tokens: int
    sampling_h: float | None
    """Hours of one GPU; None if the model's size is unknown."""
    training_h: float | None
    disk: int | None
    """Most bytes on disk during the run."""
    kept: int | None
    """Bytes on disk after the run: the checkpoints of all rounds."""
    samples_disk: int = 0
    """Bytes of the samples alone."""


def cost_of(recipe: Recipe, prompts: int, size: ModelSize | None, *, stored: int, download: bool) -> Cost:
    """Return the upper bounds for ``prompts`` prompts; ``stored`` is the checkpoint's bytes per parameter."""
    each = prompts * recipe.n_train
    longest = longest_sequence(recipe, size)
    row = min(recipe.max_length_train, longest)
    seen = (recipe.steps or 0) * recipe.batch_size_train or int(each * (recipe.epochs or 1))
    drawn = min(recipe.max_new_tokens_train, longest)
    sampled, trained = each * drawn * recipe.rounds, seen * row * recipe.rounds
    counts = (each * recipe.rounds, sampled, seen * recipe.rounds, trained)
    if size is None:
        return Cost(*counts, None, None, None, None)
    training = (
        _training_operations(recipe) * size.active + _attention(recipe) * size.attention * row * _rows(recipe) / 2
    )
    checkpoint = stored * size.parameters
    trained_parameters = recipe.lora_rank * size.adapted if recipe.lora_rank else size.parameters
    # The checkpoints of all rounds are kept, and the last one exists twice while it is written.
    disk = checkpoint * (recipe.rounds + 1) + _STATES * _STATE_BYTES * trained_parameters
    disk += sampled * _SAMPLE_BYTES + each * row * _ROW_BYTES + (checkpoint if download else 0)
    return Cost(
        *counts,
        sampling_h=sampling_hours(size, sampled, longest),
        training_h=trained * training / _GPU_FLOPS / 3600,
        disk=int(disk),
        kept=checkpoint * recipe.rounds,
        samples_disk=sampled * _SAMPLE_BYTES,
    )


def sampling_hours(size: ModelSize, tokens: int, longest: int) -> float:
    """Return the hours of one GPU that drawing ``tokens`` takes, in sequences of up to ``longest`` tokens."""
    # On average, a token attends to half of the full length.
    forward = _FORWARD * size.active + size.attention * longest / 2
    return tokens * forward / (_GPU_FLOPS * _SAMPLING_SHARE) / 3600


def longest_sequence(recipe: Recipe, size: ModelSize | None) -> int:
    """Return the length of the longest sample in tokens, prompt included, at most the model's context."""
    context = size.context if size else 0
    return min(PROMPT_TOKENS + recipe.max_new_tokens_train, context or LARGEST_WHOLE)


def _training_operations(recipe: Recipe) -> int:
    """Operations a parameter and token in training; gradient checkpointing runs the forward pass twice."""
    return (_TRAIN_LORA if recipe.lora_rank else _TRAIN) + _FORWARD * recipe.gradient_checkpointing


def _attention(recipe: Recipe) -> int:
    return _ATTENTION + recipe.gradient_checkpointing


def _rows(recipe: Recipe) -> int:
    """Rows over which one token attends: all packed rows if the others are masked, 1 if they are skipped."""
    return recipe.micro_batch_size if recipe.packing and "flash" not in (recipe.attention or "") else 1


def assumptions(recipe: Recipe, size: ModelSize | None) -> list[str]:
    """Return the assumptions behind the costs."""
    longest = f"max_new_tokens_train={recipe.max_new_tokens_train:,}"
    lengths = f"samples run to {longest} (most end long before), prompts have {PROMPT_TOKENS} tokens, all are kept"
    if size is None:
        return [lengths]
    packed = f" of {_rows(recipe)} packed rows" if _rows(recipe) > 1 else ""
    attention = f"attention over the full length{packed}, {_attention(recipe)} times its forward pass in training"
    speed = f"a GPU with {GPU_WORDS} in training and {_SAMPLING_SHARE:.0%} of that in sampling"
    operations = (
        f"{_FORWARD} operations an active parameter and token in sampling, {_training_operations(recipe)} in training"
    )
    disk = (
        f"{_STATES} training states of {_STATE_BYTES} bytes a trained parameter, {_SAMPLE_BYTES} bytes a sampled token"
    )
    memory = "GPU memory counted layer by layer; within 1.4 times of small trainings on a CPU, not measured on a GPU"
    return [lengths, f"{speed}; {operations}, {attention}", memory, f"{disk}, and a base that has to be downloaded"]


def gpu_time(hours: float | None) -> str:
    """Return the time of one GPU in words."""
    minutes = (hours or 0) * 60
    if minutes < 1:
        return "under a minute"
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{rounded(hours)} hours"


def rounded(value: float | None) -> str:
    """Return a number with one decimal, or with two significant digits below 10."""
    return f"{value:,.1f}" if value is not None and value >= 10 else f"{value or 0:.2g}"
