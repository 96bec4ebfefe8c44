"""Load models and tokenizers of transformers the same way for sampling, training and evaluation."""

import errno
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ssd_harness import foreign_json
from ssd_harness.engines import quantization
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.printable import first_line

_NAMED = 5
"""As many keys as a message lists."""


def pick_device(asked: str | None = None) -> str:
    """Return the device asked for, else an accelerator if there is one, else the CPU.

    Where CUDA is asked for and missing, the choice is made as if nothing was asked for; results name both devices.
    """
    import torch

    if asked and not (asked.startswith("cuda") and not torch.cuda.is_available()):
        try:
            return str(torch.device(asked))
        except RuntimeError as error:
            raise UsageError(f"no device is called {asked!r}", next_step="leave device= out, or say cpu") from error
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return str(accelerator) if accelerator else "cpu"


def pick_dtype(asked: str, device: str) -> Any:
    """Return a torch dtype: ``auto`` is bfloat16 on accelerators and float32 on the CPU."""
    import torch

    if asked == "auto":
        return torch.float32 if device.startswith("cpu") else torch.bfloat16
    dtype = getattr(torch, asked, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise UsageError(f"no floating point type is called {asked!r}", next_step="choose float32, bfloat16 or auto")
    return dtype


def load_tokenizer(folder: str | Path, *, trust_remote_code: bool = False) -> Any:
    """Load the tokenizer of a local model folder."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=trust_remote_code)
    except Exception as error:  # it reads the model's configuration too, whose own checks raise errors of their own
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

    ``dequantize`` unpacks quantised weights; plain ones are loaded as they are. ``more`` goes to transformers'
    ``from_pretrained``.
    """
    options: dict[str, Any] = {"dtype": dtype, "trust_remote_code": trust_remote_code, **more}
    if dequantize:
        options |= quantization.unpacking_options(folder)
    model = _load(folder, refused=("missing", "mismatched"), **options)
    if dequantize:
        model = quantization.unpacked(model, dtype)
    return model.to(device).eval()


def load_whole(folder: str | Path, *, trust_remote_code: bool = False) -> Any:
    """Load a causal language model on the CPU in the precision it is stored in, as plain transformers does.

    Raises :class:`InfrastructureError`, which names them, if weights are missing, unexpected or of another shape.
    """
    refused = ("missing", "unexpected", "mismatched")
    return _load(folder, refused=refused, dtype="auto", trust_remote_code=trust_remote_code).eval()


def _load(folder: str | Path, *, refused: Collection[str], **options: Any) -> Any:
    """Load a causal language model; raise if its weights have keys of a ``refused`` kind."""
    from transformers import AutoModelForCausalLM, GenerationConfig

    # Nothing here decodes by the model's own settings, and transformers validates them when the model is saved.
    options = {"generation_config": GenerationConfig(), "ignore_mismatched_sizes": "mismatched" in refused, **options}
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(str(folder), output_loading_info=True, **options)
    except Exception as error:  # whatever transformers or safetensors raise, it is no model that could be used
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # whoever works on that disk says so
        raise InfrastructureError(f"cannot load the model: {first_line(error)}", where=folder) from error
    model, report = loaded
    _check_keys(folder, report, refused)
    return model


def _check_keys(folder: str | Path, report: Any, refused: Iterable[str]) -> None:
    for kind in refused:
        if keys := report.get(f"{kind}_keys"):
            # Mismatched ones are (name, shape, shape).
            names = sorted(" ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in keys)
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            weights = f"1 weight is {kind}" if len(names) == 1 else f"{len(names)} weights are {kind}"
            what = f"cannot load the model: {weights}: {', '.join(names[:_NAMED])}{more}"
            raise InfrastructureError(what, where=folder)


def says_tied(config: Any) -> bool:
    """Return whether a configuration of transformers says that input and output embeddings are one tensor."""
    return bool(getattr(config.get_text_config(), "tie_word_embeddings", False))


def ties_embeddings(folder: str | Path, *, trust_remote_code: bool = False) -> bool:
    """Return whether the model in a local folder has one tensor for input and output embeddings, by its config.json."""
    from transformers import AutoConfig

    return says_tied(AutoConfig.from_pretrained(str(folder), trust_remote_code=trust_remote_code))


def check_attention(name: str) -> None:
    """Raise :class:`UsageError` for an attention implementation that transformers does not know by name."""
    from transformers import AttentionInterface

    known = {"eager", *AttentionInterface().valid_keys()}
    if name not in known and "/" not in name:  # a kernel of the Hub's is OWNER/NAME
        raise UsageError(f"no attention is called {name!r}", next_step=f"choose one of: {', '.join(sorted(known))}")


def check_implementations(folder: str | Path, named: Mapping[str, str]) -> None:
    """Raise :class:`UsageError` for an ``attn_implementation`` or the like that the model cannot be built with here.

    It may need a package or a model of another kind. No weight is read or held. A model whose code comes from
    elsewhere is not looked at.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception:  # noqa: BLE001 - whoever loads the model in earnest says better what is wrong with it
        return
    try:
        with torch.device("meta"):
            AutoModelForCausalLM.from_config(config, trust_remote_code=False, **named)
    except (ImportError, ValueError) as error:
        words = ", ".join(f"{name}={value}" for name, value in named.items())
        raise UsageError(f"{words}: {first_line(error)}", next_step="leave it out, or give another") from error


def check_modules(folder: str | Path, wanted: Iterable[str]) -> None:
    """Raise :class:`UsageError` if the model that a folder's config.json describes has no module of a wanted name.

    No weight is read or held. A model whose code comes from elsewhere is not looked at.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with torch.device("meta"):
            config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception:  # noqa: BLE001 - whoever loads the model in earnest says better what is wrong with it
        return
    names = [f".{name}" for name, _ in model.named_modules()]
    for target in wanted:
        if not any(name.endswith(f".{target}") for name in names):
            linear = {
                name.rpartition(".")[2] for name, module in model.named_modules() if hasattr(module, "in_features")
            }
            what = f"the model has no module called {target!r}"
            raise UsageError(what, where=folder, next_step=f"choose from: {', '.join(sorted(linear))}")


def stop_ids(folder: str | Path, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end a turn: those of generation_config.json and the tokenizer's EOS."""
    listed = generation_config(folder).get("eos_token_id")
    ids = listed if isinstance(listed, list) else [listed]
    found = frozenset(token for token in [*ids, tokenizer.eos_token_id] if token is not None)
    if not found:
        raise InfrastructureError("the model names no EOS token, so no sample would ever end", where=folder)
    return found


def generation_config(folder: str | Path) -> dict[str, Any]:
    """Read a model folder's generation_config.json; empty if there is none."""
    try:
        content = foreign_json.read(Path(folder) / "generation_config.json")
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
