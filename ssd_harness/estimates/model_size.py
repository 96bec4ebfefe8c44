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
"""Below that, weights say little about the layers, and fit anywhere."""
_NEAR = (0.7, 1.5)
"""Stored over counted bytes: norms, biases and a copy of tied embeddings make a difference."""


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Parameters of a decoder, and what attention over one earlier token costs."""

    parameters: int
    active: int
    """Those that one token passes through; fewer than all in a mixture of experts."""
    attention: int = 0
    """Floating point operations of a token's forward pass for each token before it."""
    adapted: int = 0
    """Parameters of adapters of rank 1 on all linear layers; a mixture's experts are none."""
    layers: int = 0
    ends: int = 0
    """Parameters of embedding and output, which no layer holds."""
    hidden: int = 0
    queries: int = 0
    """Numbers in a token's queries of one layer, all heads together."""
    keys: int = 0
    """The same of its keys, and of its values."""
    inner: int = 0
    """Numbers that a token has inside one feed-forward layer; in a mixture, in all experts that it passes."""
    vocabulary: int = 0
    context: int = 0
    """Most tokens that the model reads; 0 where that is not said."""
    windowed: int = 0
    """Layers that keep the last ``window`` tokens alone."""
    window: int = 0

    def kept(self, tokens: int) -> int:
        """Return the tokens that the cache of a sequence of ``tokens`` tokens holds, over all layers together."""
        return (self.layers - self.windowed) * tokens + self.windowed * min(self.window, tokens)


def size_of(pretrained: str, folder: Path | None) -> ModelSize | None:
    """Return the size by the ``config.json`` in ``folder``, else by the preset that names the model, else None.

    None too where the weights beside the ``config.json`` take another amount of memory than it says.
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
    """Whether the weights in ``folder`` are too few or too many bytes: then the model has other layers."""
    stored = sum(file.stat().st_size for file in folder.glob("*.safetensors") if file.is_file())
    if stored < _FEW_BYTES or config.get("quantization_config"):
        return False
    low, high = _NEAR
    return not any(low <= stored / (size.parameters * each) <= high for each in (2, 4))


def by_config(config: Mapping[str, Any]) -> ModelSize:
    """Count the matrices of a decoder with gated feed-forward layers; norms and biases are left out (under 0.1 %).

    Raises :class:`KeyError` where a size is not given, :class:`ValueError` where one cannot be, or where the settings
    say that the layers are of another kind.
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
    """Return how many layers have a sliding window, by ``layer_types``; 0 where that is not said."""
    types = config.get("layer_types")
    if not config.get("sliding_window") or not isinstance(types, list) or len(types) != config["num_hidden_layers"]:
        return 0
    return sum(name == "sliding_attention" for name in types)
