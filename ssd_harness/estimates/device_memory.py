"""Estimate the memory that one device needs to sample and to train, from the recipe and the sizes of the model alone.

Weights, gradients and Adam's two moments take 16 bytes per trained parameter in float32; ZeRO-3 and FSDP divide them
among processes (Rajbhandari et al. 2020, "ZeRO", section 3). Activations are the tensors that layers store for the
backward pass, counted as Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models",
section 4, does for GPT; here for gated feed-forward layers and grouped queries, without dropout. With gradient
checkpointing, only the inputs of all layers are stored, and the tensors of one layer at a time. A base in NF4 with
doubly quantised constants takes 4.127 bits per weight (Dettmers et al. 2023, "QLoRA"). The estimate is within a factor
of 1.4 of measurements with small models on a CPU.
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
"""Bytes of logits up to which the trainer stores all of them; if there are more, it computes them in tiles."""
_LOGIT_COPIES = 3
"""Logits in the model's precision, logits in float32, and their gradient."""
_NORMS = 6
"""Hidden states of a layer kept in float32: input, normalised and scaled, for each of two norms."""
_VLLM_PROMPT, _VLLM_SHARE = 8192, 0.9
"""Least number of prompt tokens for which vLLM is started, and the share of the device's memory that it uses."""


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Memory that training needs on one device, in bytes."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    """Tensors stored for the backward pass, and the logits."""
    gathered: float
    """Temporary copies during the passes: layers gathered from all processes, weights in another precision."""
    scratch: float
    """Temporary memory of the optimiser, used after the backward pass."""

    @property
    def fixed(self) -> float:
        """Bytes that do not depend on the length of the rows."""
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
    """Return the memory that one device needs to train on rows of ``row`` tokens.

    ``half`` is true for an accelerator, which by default computes in bfloat16 with weights in float32, and false for a
    CPU.
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
        gradients=2 * each if recipe.gpus > 1 and share == 1 else each,  # averaging uses a second copy
        optimizer=2 * each,
        activations=_activations(recipe, size, row, compute),
        gathered=gathered,
        scratch=each if half else 0.0,  # on accelerators, torch's optimiser updates all tensors at once
    )


def _activations(recipe: Recipe, size: ModelSize, row: int, compute: int) -> float:
    rows = min(recipe.micro_batch_size, max(1, recipe.batch_size_train // recipe.gpus))
    tokens = rows * row
    # Queries with norm and rotation, keys and values repeated for all heads, the output; gate, up, their product.
    inside = 6 * size.queries + 5 * size.keys + 4 * size.inner
    layer = tokens * (_NORMS * size.hidden * _FULL + inside * compute)
    if recipe.lora_rank and (recipe.lora_dropout or compute < _FULL):
        # Each adapter stores its own copy of its input, after dropout or in another precision.
        layer += tokens * (5 * size.hidden + size.queries + size.inner) * compute
    logits = min(_FULL * tokens * size.vocabulary, _LOGITS_AT_ONCE) * _LOGIT_COPIES
    mask = 0  # one byte per pair of tokens
    if rows > 1 and "flash" not in (recipe.attention or ""):
        mask = tokens * tokens if recipe.packing else rows * row * row
    if recipe.gradient_checkpointing:
        # The logits are freed before the first layer is recomputed, so the two do not add up.
        return size.layers * tokens * size.hidden * _FULL + max(layer, logits) + mask
    return size.layers * layer + logits + mask


def sampling_memory(recipe: Recipe, size: ModelSize, sequence: int, *, half: bool = True) -> SamplingMemory:
    """Return the memory that one device needs to draw samples of up to ``sequence`` tokens, prompt included.

    The transformers engine needs room for one sequence, and adds more as memory allows. vLLM needs room, in nine tenths
    of the device, for one sequence of the length for which it is started.
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
    """Return the bytes of the keys and values of ``tokens`` tokens, at ``each`` bytes per number."""
    return float(2 * size.keys * each * size.kept(tokens))


def _compute_bytes(recipe: Recipe, *, half: bool) -> int:
    if recipe.dtype_train == "auto":
        return _HALF if half else _FULL
    return _FULL if recipe.dtype_train == "float32" else _HALF


def gigabytes(value: float) -> str:
    """Return bytes as gigabytes, with two significant digits below 10 GB."""
    if value < GB / 10:
        return "under 0.1"
    return f"{value / GB:,.0f}" if value >= 10 * GB else f"{value / GB:.2g}"
