"""How much memory one device needs to sample and to train, from the recipe and the model's sizes alone.

Weights, gradients and Adam's two moments: 16 bytes a trained parameter in float32, shared out among processes by ZeRO-3
or FSDP (Rajbhandari et al. 2020, "ZeRO", section 3). Activations by counting what layers keep for the backward pass, as
Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models", section 4, does for GPT; here
for gated feed-forward layers and grouped queries, without dropout. Recomputed, each layer's input stays, and what one
layer keeps comes and goes. A base in NF4 with doubly quantised constants takes 4.127 bits a weight (Dettmers et al.
2023, "QLoRA"). Measured on small models on the CPU it is within a factor of 1.4.
"""

import importlib.util
from dataclasses import dataclass

from ssd_harness.distill.model_size import ModelSize
from ssd_harness.recipe import Recipe

GB = 1e9
USUAL_GB = 80.0
"""A device that the estimate is compared with where none is here."""
_FULL, _HALF = 4, 2
_NF4 = 4.127 / 8
_LOGITS_AT_ONCE = 2**28
"""Bytes up to which the trainer holds all logits; above, it computes them in tiles."""
_LOGIT_COPIES = 3
"""In the model's precision, in float32, and their gradient."""
_NORMS = 6
"""Hidden states of a layer kept in float32: input, normalised and scaled, for each of two norms."""


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Bytes of one device."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    """What the backward pass needs, and the logits."""
    gathered: float
    """What stands beside them for a while: layers brought together from all processes, casts of weights."""
    scratch: float
    """What the optimiser takes for itself, after the backward pass."""

    @property
    def fixed(self) -> float:
        """Bytes that are needed whatever is trained on."""
        return self.weights + self.gradients + self.optimizer

    @property
    def total(self) -> float:
        """Bytes at the worst moment."""
        return self.fixed + max(self.activations + self.gathered, self.scratch)


def training_memory(recipe: Recipe, size: ModelSize, row: int, *, half: bool = True) -> TrainingMemory:
    """Return what one device needs to train on rows of ``row`` tokens.

    ``half``: it computes in bfloat16 over weights in float32 unless told otherwise, as accelerators do; a CPU does not.
    """
    compute = _compute_bytes(recipe, half=half)
    mixed = recipe.dtype_train == "auto" and half
    exact = _FULL if mixed else compute
    share = recipe.gpus if recipe.shared != "none" else 1
    if recipe.lora_rank:
        trained = recipe.lora_rank * size.adapted
        frozen = float(size.parameters * compute)
        if recipe.lora_quantize:
            frozen = (size.parameters - size.ends) * _NF4 + size.ends * _FULL
        weights, each = frozen / share + trained * _FULL / share, trained / share * _FULL
    else:
        trained = size.parameters
        weights, each = trained * exact / share, trained / share * exact
    layer = (size.parameters - size.ends) / max(1, size.layers)
    if share > 1:  # two layers are whole at a time, and both ends
        gathered = (2 * layer + size.ends) * compute
    elif recipe.lora_rank:
        gathered = layer * compute if recipe.lora_quantize else 0.0
    else:
        gathered = trained * compute if mixed else 0.0
    return TrainingMemory(
        weights,
        gradients=2 * each if recipe.gpus > 1 and share == 1 else each,  # averaged in buckets of their own
        optimizer=2 * each,
        activations=_activations(recipe, size, row, compute),
        gathered=gathered,
        scratch=each if half else 0.0,  # on accelerators torch's goes over all tensors at once
    )


def _activations(recipe: Recipe, size: ModelSize, row: int, compute: int) -> float:
    rows = min(recipe.micro_batch_size, max(1, recipe.batch_size_train // recipe.gpus))
    tokens = rows * row
    # Queries with norm and rotation, keys and values repeated for all heads, the output; gate, up, their product.
    inside = 6 * size.queries + 5 * size.keys + 4 * size.inner
    layer = tokens * (_NORMS * size.hidden * _FULL + inside * compute)
    if recipe.lora_rank and (recipe.lora_dropout or compute < _FULL):
        # Adapters keep what they read in a copy of their own: thinned out, or in their own precision.
        layer += tokens * (5 * size.hidden + size.queries + size.inner) * compute
    logits = min(_FULL * tokens * size.vocabulary, _LOGITS_AT_ONCE) * _LOGIT_COPIES
    mask = 0  # a byte for each pair of tokens
    if rows > 1 and "flash" not in (recipe.attention or ""):
        mask = tokens * tokens if recipe.packing else rows * row * row
    if recipe.gradient_checkpointing:
        # The logits are gone when the first layer comes back.
        return size.layers * tokens * size.hidden * _FULL + max(layer, logits) + mask
    return size.layers * layer + logits + mask


def sampling_weights(recipe: Recipe, size: ModelSize, *, half: bool = True) -> float:
    """Return the bytes of the sampler's weights: every process has them whole."""
    return float(size.parameters * _compute_bytes(recipe, half=half))


def cache_bytes(recipe: Recipe, size: ModelSize, tokens: int, *, half: bool = True) -> float:
    """Return the bytes of keys and values of one sequence of ``tokens`` tokens over all layers."""
    return float(2 * size.layers * size.keys * _compute_bytes(recipe, half=half) * tokens)


def _compute_bytes(recipe: Recipe, *, half: bool) -> int:
    if recipe.dtype_train == "auto":
        return _HALF if half else _FULL
    return _FULL if recipe.dtype_train == "float32" else _HALF


def device_bytes(recipe: Recipe) -> float | None:
    """Return the memory of the smallest GPU that the run would use; None where there is none."""
    if (recipe.device or "").startswith("cpu") or importlib.util.find_spec("torch") is None:
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    used = range(min(recipe.gpus, torch.cuda.device_count()))
    return float(min(torch.cuda.get_device_properties(number).total_memory for number in used))


def described(recipe: Recipe, size: ModelSize, prompt: int) -> list[str]:
    """Say what a device needs if prompts have ``prompt`` tokens, and warn of what does not fit the one that is here."""
    sequence = prompt + recipe.max_new_tokens_train
    row = min(recipe.max_length_train, sequence)
    training = training_memory(recipe, size, row)
    weights, side_by_side = sampling_weights(recipe, size), recipe.sampling_rows or 1
    cache = side_by_side * cache_bytes(recipe, size, sequence)
    here = device_bytes(recipe)
    room = here or USUAL_GB * GB
    parts = {
        "weights": training.weights,
        "gradients": training.gradients,
        "optimiser": training.optimizer,
        "activations": training.activations,
    }
    shared = f", shared by {recipe.gpus}" if recipe.shared != "none" else ""
    said = ", ".join(f"{name} {_gb(value)}" for name, value in parts.items())
    side = f"{side_by_side:,} sequences" if side_by_side > 1 else "a sequence"
    sampling = f"sampling {_gb(weights + cache)} GB (weights {_gb(weights)}, cache of {side} {_gb(cache)})"
    found = [f"memory of each GPU: training about {_gb(training.total)} GB ({said}{shared}), {sampling}"]
    device = f"the {_gb(room)} GB of the GPU here" if here else f"a GPU of {USUAL_GB:.0f} GB (none is here)"
    if training.fixed > room:
        found.append(f"warning: training does not fit {device}, whatever it reads; give {_smaller(recipe)}")
    elif training.total > room:
        found.append(f"warning: training on {row:,} tokens a sequence does not fit {device}; give {_shorter(recipe)}")
    if weights > room:
        found.append(f"warning: the sampler's weights do not fit {device}, and every process has them whole")
    elif weights + cache > room:
        fewer = "a smaller sampling_rows=" if side_by_side > 1 else "a smaller max_new_tokens_train="
        found.append(f"warning: the sampler's cache of {side} does not fit {device}; give {fewer}")
    if len(found) == 1:
        found.append(f"that fits {device}")
    return found


def _smaller(recipe: Recipe) -> str:
    """Name what takes less for the model and its optimiser."""
    if recipe.lora_rank:
        return "a larger GPU" if recipe.lora_quantize else "lora_quantize=4bit"
    apart = recipe.gpus > 1 and recipe.shared == "none"
    return f"{'sharding=fsdp2' if apart else 'more gpus=, which share it'}, or lora_rank="


def _shorter(recipe: Recipe) -> str:
    """Name what takes less for what is read."""
    if not recipe.gradient_checkpointing:
        return "gradient_checkpointing=true"
    if recipe.micro_batch_size > 1:
        return "micro_batch_size=1"
    return "a smaller max_length_train= or more gpus="


def _gb(value: float) -> str:
    return f"{value / GB:,.0f}" if value >= 10 * GB else f"{value / GB:.2g}"
