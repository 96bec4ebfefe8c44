"""Upper bounds of what a transform costs, from its recipe and the size of the model."""

from dataclasses import dataclass

from ssd_harness.estimates.model_size import ModelSize
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.values import LARGEST_WHOLE

_FORWARD, _TRAIN, _TRAIN_LORA = 2, 6, 4
"""Floating point operations a parameter and token: reading one, training all weights on it, training adapters on it."""
_ATTENTION = 3
"""What training takes of attention's forward pass, which has no weights that adapters could spare."""
_GPU_FLOPS = 4e14
"""What one current data-centre GPU sustains in bfloat16 while training; sampling reaches a fraction of it."""
GPU_WORDS = f"{_GPU_FLOPS / 1e12:.0f} TFLOP/s"
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
    samples_disk: int = 0
    """Bytes of the samples alone."""


def cost_of(recipe: Recipe, prompts: int, size: ModelSize | None, *, stored: int, download: bool) -> Cost:
    """Return the upper bounds for ``prompts`` prompts; ``stored`` is bytes a parameter of the checkpoint."""
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
    # Each round's checkpoint stays beside the next one; the last is there twice while it is written.
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
    # Half of the full length is what a token finds before itself on average.
    forward = _FORWARD * size.active + size.attention * longest / 2
    return tokens * forward / (_GPU_FLOPS * _SAMPLING_SHARE) / 3600


def longest_sequence(recipe: Recipe, size: ModelSize | None) -> int:
    """Return the tokens of the longest sample, prompt included; no model reads beyond its context."""
    context = size.context if size else 0
    return min(PROMPT_TOKENS + recipe.max_new_tokens_train, context or LARGEST_WHOLE)


def _training_operations(recipe: Recipe) -> int:
    """Operations a parameter and token in training; gradient checkpointing runs the forward pass twice."""
    return (_TRAIN_LORA if recipe.lora_rank else _TRAIN) + _FORWARD * recipe.gradient_checkpointing


def _attention(recipe: Recipe) -> int:
    return _ATTENTION + recipe.gradient_checkpointing


def _rows(recipe: Recipe) -> int:
    """Rows that attention goes over at once: where it is masked, and not skipped, all of those packed together."""
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
    """Return a number with one digit behind the point, or two in all."""
    return f"{value:,.1f}" if value is not None and value >= 10 else f"{value or 0:.2g}"
