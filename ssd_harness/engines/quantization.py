"""Detect quantised weights in a model folder, and unpack them with transformers."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssd_harness.engines.model_settings import read_settings
from ssd_harness.errors import UsageError

_PACKAGES = {"mxfp4": None, "fp8": None, "bitsandbytes": "bitsandbytes"}
"""Methods that transformers can unpack, and the package that each needs."""
_BY_CONFIGURATION = {"mxfp4": "Mxfp4Config", "fp8": "FineGrainedFP8Config"}
"""Methods that are unpacked while loading; the others are unpacked afterwards."""


def stored_settings(folder: Path | str) -> Mapping[str, Any]:
    """Return ``quantization_config`` of a folder's config.json; empty if the weights are plain."""
    config = read_settings(Path(folder) / "config.json")
    text = config.get("text_config")
    stored = config.get("quantization_config") or (text.get("quantization_config") if isinstance(text, dict) else None)
    return stored if isinstance(stored, dict) else {}


def method_of(folder: Path | str) -> str | None:
    """Return the quantisation method of a folder's weights; None if they are plain."""
    stored = stored_settings(folder)
    if stored.get("load_in_4bit") or stored.get("load_in_8bit"):
        return "bitsandbytes"
    return str(stored.get("quant_method") or "an unknown method") if stored else None


def has_four_bits(folder: Path | str) -> bool:
    """Whether the weights are stored in 4 bits by bitsandbytes."""
    return bool(stored_settings(folder).get("load_in_4bit"))


def check_unpacks(folder: Path | str) -> None:
    """Raise :class:`UsageError` if a folder's weights are quantised and cannot be unpacked here."""
    method = method_of(folder)
    if method is None:
        return
    if method not in _PACKAGES:
        raise UsageError(
            f"the model is quantised ({method}), and transformers cannot unpack it: neither its weights nor adapters "
            "merged into them could be trained and stored",
            where=folder,
            next_step="give the model that it was quantised from",
        )
    package = _PACKAGES[method]
    if package and importlib.util.find_spec(package) is None:
        raise UsageError(
            f"the model is quantised ({method}), and unpacking it needs {package}",
            where=folder,
            next_step=f"pip install {package}, or give the model that it was quantised from",
        )


def unpacking_options(folder: Path | str) -> dict[str, Any]:
    """Return the options of ``from_pretrained`` with which :func:`unpacked` returns plain weights."""
    import transformers

    check_unpacks(folder)
    method = method_of(folder)
    if method not in _BY_CONFIGURATION:
        return {}
    configuration = getattr(transformers, _BY_CONFIGURATION[method])
    return {"quantization_config": configuration.from_dict({**stored_settings(folder), "dequantize": True})}


def unpacked(model: Any, dtype: Any) -> Any:
    """Return the loaded model with plain weights in ``dtype``."""
    return model.dequantize(dtype) if getattr(model, "is_quantized", False) else model
