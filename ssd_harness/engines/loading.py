"""Load models and tokenizers with transformers, the same way for sampling, training and evaluation."""

import errno
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ssd_harness import foreign_json
from ssd_harness.engines import quantization
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.printable import first_line

_NAMED = 5
"""The most keys that a message lists."""


def pick_device(requested: str | None = None) -> str:
    """Return the requested device; without a request, an accelerator if there is one, else the CPU.

    A request for CUDA on a machine without it is ignored; results record both devices.
    """
    import torch

    if requested and not (requested.startswith("cuda") and not torch.cuda.is_available()):
        try:
            return str(torch.device(requested))
        except RuntimeError as error:
            raise UsageError(
                f"no device is called {requested!r}", next_step="leave device= out, or give device=cpu"
            ) from error
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return str(accelerator) if accelerator else "cpu"


def pick_dtype(requested: str, device: str) -> Any:
    """Return a torch dtype: ``auto`` is bfloat16 on accelerators and float32 on the CPU."""
    import torch

    if requested == "auto":
        return torch.float32 if device.startswith("cpu") else torch.bfloat16
    dtype = getattr(torch, requested, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise UsageError(
            f"no floating point type is called {requested!r}", next_step="choose float32, bfloat16 or auto"
        )
    return dtype


def load_tokenizer(folder: str | Path, *, trust_remote_code: bool = False) -> Any:
    """Load the tokenizer of a local model folder."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=trust_remote_code)
    except Exception as error:  # it also reads the model's configuration, whose checks raise any type
        raise InfrastructureError(f"cannot load the tokenizer: {first_line(error)}", where=folder) from error


def load_model(
    folder: str | Path,
    *,
    device: str,
    dtype: Any,
    dequantize: bool = False,
    trust_remote_code: bool = False,
    **more: Any,
) -> Any:
    """Load the causal language model of a local folder onto ``device``, in evaluation mode.

    ``dequantize`` unpacks quantised weights. ``more`` is passed to ``from_pretrained``. Raises
    :class:`InfrastructureError` for a model that cannot be loaded or lacks weights.
    """
    options: dict[str, Any] = {"dtype": dtype, "trust_remote_code": trust_remote_code, **more}
    if dequantize:
        options |= quantization.unpacking_options(folder)
    model = _load(folder, refused=("missing", "mismatched"), **options)
    if dequantize:
        model = quantization.unpacked(model, dtype)
    return model.to(device).eval()


def load_whole(folder: str | Path, *, trust_remote_code: bool = False) -> Any:
    """Load a causal language model on the CPU in its stored precision, as plain transformers does.

    Raises :class:`InfrastructureError` with the names of missing, unexpected or wrongly shaped weights.
    """
    refused = ("missing", "unexpected", "mismatched")
    return _load(folder, refused=refused, dtype="auto", trust_remote_code=trust_remote_code).eval()


def _load(folder: str | Path, *, refused: Collection[str], **options: Any) -> Any:
    """Load a causal language model; raise if its weights have keys of a ``refused`` kind."""
    from transformers import AutoModelForCausalLM, GenerationConfig

    # The model's own generation settings are not used here, and transformers would validate them on saving.
    options = {"generation_config": GenerationConfig(), "ignore_mismatched_sizes": "mismatched" in refused, **options}
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(str(folder), output_loading_info=True, **options)
    except Exception as error:  # transformers and safetensors raise many types for a model that is unusable
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # the caller knows which disk is full
        raise InfrastructureError(f"cannot load the model: {first_line(error)}", where=folder) from error
    model, report = loaded
    _check_keys(folder, report, refused)
    return model


def _check_keys(folder: str | Path, report: Any, refused: Iterable[str]) -> None:
    for kind in refused:
        if keys := report.get(f"{kind}_keys"):
            # Mismatched keys are (name, shape, shape).
            names = sorted(" ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in keys)
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            weights = f"1 weight is {kind}" if len(names) == 1 else f"{len(names)} weights are {kind}"
            what = f"cannot load the model: {weights}: {', '.join(names[:_NAMED])}{more}"
            raise InfrastructureError(what, where=folder)


def says_tied(config: Any) -> bool:
    """Return whether a transformers configuration ties input and output embeddings."""
    return bool(getattr(config.get_text_config(), "tie_word_embeddings", False))


def ties_embeddings(folder: str | Path, *, trust_remote_code: bool = False) -> bool:
    """Return whether the config.json of a local folder ties input and output embeddings."""
    from transformers import AutoConfig

    return says_tied(AutoConfig.from_pretrained(str(folder), trust_remote_code=trust_remote_code))


def check_attention(name: str) -> None:
    """Raise :class:`UsageError` for an attention implementation that transformers does not know."""
    from transformers import AttentionInterface

    names = {"eager", *AttentionInterface().valid_keys()}
    if name not in names and "/" not in name:  # a kernel of the Hub is OWNER/NAME
        raise UsageError(f"no attention is called {name!r}", next_step=f"choose one of: {', '.join(sorted(names))}")


def check_implementations(folder: str | Path, implementations: Mapping[str, str]) -> None:
    """Raise :class:`UsageError` for an ``attn_implementation`` or similar value that the model does not support here.

    The value may need a missing package or another kind of model. No weights are read and no remote code is run; a
    model that needs remote code is not checked.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception:  # noqa: BLE001 - loading the model gives the better error
        return
    try:
        with torch.device("meta"):
            AutoModelForCausalLM.from_config(config, trust_remote_code=False, **implementations)
    except (ImportError, ValueError) as error:
        arguments = ", ".join(f"{name}={value}" for name, value in implementations.items())
        raise UsageError(f"{arguments}: {first_line(error)}", next_step="leave it out, or give another") from error


def check_modules(folder: str | Path, targets: Iterable[str]) -> None:
    """Raise :class:`UsageError` if the model of a folder's config.json has no module with one of the names ``targets``.

    No weights are read. Models with remote code are not checked.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with torch.device("meta"):
            config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception:  # noqa: BLE001 - loading the model gives the better error
        return
    names = [f".{name}" for name, _ in model.named_modules()]
    for target in targets:
        if not any(name.endswith(f".{target}") for name in names):
            linear = {
                name.rpartition(".")[2] for name, module in model.named_modules() if hasattr(module, "in_features")
            }
            what = f"the model has no module called {target!r}"
            raise UsageError(what, where=folder, next_step=f"choose from: {', '.join(sorted(linear))}")


def stop_ids(folder: str | Path, tokenizer: Any) -> frozenset[int]:
    """Return the ids of the tokens that end a turn: those in generation_config.json and the tokenizer's EOS."""
    listed = generation_config(folder).get("eos_token_id")
    ids = listed if isinstance(listed, list) else [listed]
    stops = frozenset(token for token in [*ids, tokenizer.eos_token_id] if token is not None)
    if not stops:
        raise InfrastructureError("the model names no EOS token, so no sample would ever end", where=folder)
    return stops


def generation_config(folder: str | Path) -> dict[str, Any]:
    """Read a model folder's generation_config.json; return an empty dict if there is none."""
    try:
        content = foreign_json.read(Path(folder) / "generation_config.json")
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
