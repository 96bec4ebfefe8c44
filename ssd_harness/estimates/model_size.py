"""Compute the size of a model from its configuration alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.engines.model_settings import read_settings
from ssd_harness.recipe.presets import by_name
from ssd_harness.recipe.values import LARGEST_WHOLE

_SIZES: tuple[str, ...] = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
)
_SIZES += ("intermediate_size", "moe_intermediate_size", "num_experts", "num_local_experts", "num_experts_per_tok")
_SIZES += ("experts_per_token", "max_position_embeddings", "sliding_window")
_OTHER_LAYERS: tuple[str, ...] = (
    "kv_lora_rank",
    "n_shared_experts",
    "shared_expert_intermediate_size",
    "linear_num_key_heads",
)
_OTHER_LAYERS += ("mamba_d_state", "mamba_d_ssm", "ssm_state_size", "state_size", "num_kv_shared_layers")
"""Latent attention, shared experts, recurrent layers: their weights are not counted here."""
_FEW_BYTES = 50_000_000
"""Size of weight files below which they are not compared with the count: small models vary, and fit anywhere."""
_NEAR = (0.7, 1.5)
"""Allowed ratio of stored to counted bytes; norms, biases and a copy of tied embeddings account for differences."""


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Sizes of a decoder, and the cost of attention to one earlier token."""

    parameters: int
    active: int
    """Parameters that one token uses; fewer than all in a mixture of experts."""
    attention: int = 0
    """Floating point operations in the forward pass of one token for each token before it."""
    adapted: int = 0
    """Parameters of adapters of rank 1 on all linear layers; experts of a mixture get no adapters."""
    layers: int = 0
    ends: int = 0
    """Parameters of the embedding and the output, which belong to no layer."""
    hidden: int = 0
    queries: int = 0
    """Length of one token's queries in one layer, all heads together."""
    keys: int = 0
    """Length of its keys, and of its values, in one layer."""
    inner: int = 0
    """Width of one feed-forward layer; in a mixture, the sum over the experts that a token uses."""
    vocabulary: int = 0
    context: int = 0
    """Longest input in tokens; 0 if ``config.json`` does not give it."""
    windowed: int = 0
    """Layers with a sliding window, which cache only the last ``window`` tokens."""
    window: int = 0

    def kept(self, tokens: int) -> int:
        """Return the number of tokens in the cache after ``tokens`` tokens, summed over all layers."""
        return (self.layers - self.windowed) * tokens + self.windowed * min(self.window, tokens)


def size_of(pretrained: str, folder: Path | None) -> ModelSize | None:
    """Return the size from the ``config.json`` in ``folder``, else from the model's preset, else None.

    Also returns None if the size of the weight files contradicts ``config.json``.
    """
    try:
        config = read_settings(folder / "config.json") if folder else {}
        size = by_config(config.get("text_config") or config)
        return None if folder and _contradicted(size, config, folder) else size
    except (ArithmeticError, KeyError, TypeError, ValueError, AttributeError):
        pass
    preset = by_name(pretrained)
    return by_config(preset.config) if preset and preset.config else None


def _contradicted(size: ModelSize, config: Mapping[str, Any], folder: Path) -> bool:
    """Whether the weight files in ``folder`` are too small or too large for ``size``, so that it must be wrong."""
    stored = sum(file.stat().st_size for file in folder.glob("*.safetensors") if file.is_file())
    if stored < _FEW_BYTES or config.get("quantization_config"):
        return False
    low, high = _NEAR
    return not any(low <= stored / (size.parameters * each) <= high for each in (2, 4))


def by_config(config: Mapping[str, Any]) -> ModelSize:
    """Count the matrices of a decoder with gated feed-forward layers; norms and biases are left out (under 0.1 %).

    Raises :class:`KeyError` if a size is missing, and :class:`ValueError` if one is invalid or the settings describe
    another kind of layer.
    """
    for name in _OTHER_LAYERS:
        if config.get(name):
            raise ValueError(name)
    for name in _SIZES:
        value = config.get(name)
        if value is not None and not (type(value) is int and 0 <= value < LARGEST_WHOLE):
            raise ValueError(name)
    hidden, layers, heads = config["hidden_size"], config["num_hidden_layers"], config["num_attention_heads"]
    head = config.get("head_dim") or hidden // heads
    queries, keys = heads * head, (config.get("num_key_value_heads") or heads) * head
    attention = hidden * (queries + 2 * keys) + queries * hidden
    ranks = (hidden + queries) + 2 * (hidden + keys) + (queries + hidden)
    experts = config.get("num_experts") or config.get("num_local_experts") or 0
    if experts:
        expert = 3 * hidden * (config.get("moe_intermediate_size") or config["intermediate_size"])
        used = config.get("num_experts_per_tok") or config.get("experts_per_token") or experts
        wide, narrow = experts * (expert + hidden), used * expert + experts * hidden
        inner = used * (expert // (3 * hidden))
    else:
        wide = narrow = 3 * hidden * config["intermediate_size"]
        inner = config["intermediate_size"]
        ranks += 3 * (hidden + config["intermediate_size"])
    words = config["vocab_size"] * hidden
    ends = words if config.get("tie_word_embeddings") else 2 * words
    return ModelSize(
        parameters=layers * (attention + wide) + ends,
        active=layers * (attention + narrow) + ends,
        attention=4 * layers * queries,
        adapted=layers * ranks,
        layers=layers,
        ends=ends,
        hidden=hidden,
        queries=queries,
        keys=keys,
        inner=inner,
        vocabulary=config["vocab_size"],
        context=config.get("max_position_embeddings") or 0,
        windowed=_windowed(config),
        window=config.get("sliding_window") or 0,
    )


def _windowed(config: Mapping[str, Any]) -> int:
    """Return the number of layers with a sliding window, according to ``layer_types``; 0 without these settings."""
    types = config.get("layer_types")
    if not config.get("sliding_window") or not isinstance(types, list) or len(types) != config["num_hidden_layers"]:
        return 0
    return sum(name == "sliding_attention" for name in types)
