"""How much memory one device needs to sample and to train, from the recipe and the model's sizes alone.

Weights, gradients and Adam's two moments: 16 bytes a trained parameter in float32, shared out among processes by ZeRO-3
or FSDP (Rajbhandari et al. 2020, "ZeRO", section 3). Activations by counting what layers keep for the backward pass, as
Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models", section 4, does for GPT; here
for gated feed-forward layers and grouped queries, without dropout. Recomputed, each layer's input stays, and what one
layer keeps comes and goes. A base in NF4 with doubly quantised constants takes 4.127 bits a weight (Dettmers et al.
2023, "QLoRA"). Measured on small models on the CPU it is within a factor of 1.4.
"""

from dataclasses import dataclass

from ssd_harness.engines.memory import with_spare
from ssd_harness.estimates.model_size import ModelSize
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.values import LARGEST_WHOLE

GB = 1e9
_FULL, _HALF = 4, 2
_NF4 = 4.127 / 8
_LOGITS_AT_ONCE = 2**28
"""Bytes up to which the trainer holds all logits; above, it computes them in tiles."""
_LOGIT_COPIES = 3
"""In the model's precision, in float32, and their gradient."""
_NORMS = 6
"""Hidden states of a layer kept in float32: input, normalised and scaled, for each of two norms."""
_VLLM_PROMPT, _VLLM_SHARE = 8192, 0.9
"""Tokens of a prompt that vLLM is started with at least, and its part of the device."""


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


@dataclass(frozen=True, slots=True)
class SamplingMemory:
    """Bytes of one device."""

    weights: float
    """Every process has them whole."""
    cache: float
    """Keys and values of one sequence."""
    share: float = 1.0
    """Part of the device that the sampler takes."""

    @property
    def total(self) -> float:
        """The smallest device that will do."""
        return (self.weights + self.cache) / self.share


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


def sampling_memory(recipe: Recipe, size: ModelSize, sequence: int, *, half: bool = True) -> SamplingMemory:
    """Return what one device needs to draw samples of up to ``sequence`` tokens, prompt included.

    The engine of transformers takes in more sequences as memory allows, and goes on with one; vLLM wants room for one
    of the length that it is started with, in nine tenths of the device.
    """
    if recipe.sampler == "vllm":
        longest = recipe.max_new_tokens_train
        sequence = min(longest + max(longest, _VLLM_PROMPT), size.context or LARGEST_WHOLE)
    else:
        sequence = with_spare(sequence)
    each = _compute_bytes(recipe, half=half)
    share = _VLLM_SHARE if recipe.sampler == "vllm" else 1.0
    return SamplingMemory(float(size.parameters * each), cache_bytes(size, sequence, each), share)


def cache_bytes(size: ModelSize, tokens: int, each: int) -> float:
    """Return the bytes of keys and values of a sequence of ``tokens`` tokens, ``each`` bytes a number."""
    return float(2 * size.keys * each * size.kept(tokens))


def _compute_bytes(recipe: Recipe, *, half: bool) -> int:
    if recipe.dtype_train == "auto":
        return _HALF if half else _FULL
    return _FULL if recipe.dtype_train == "float32" else _HALF


def gigabytes(value: float) -> str:
    """Return bytes as gigabytes of two digits."""
    if value < GB / 10:
        return "under 0.1"
    return f"{value / GB:,.0f}" if value >= 10 * GB else f"{value / GB:.2g}"
