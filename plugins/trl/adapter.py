"""Merge a LoRA adapter into its base model."""

from pathlib import Path
from typing import Any

from ssd_harness.engines import loading, logits
from ssd_harness.errors import UsageError

_PROMPTS = [[5, 7, 11, 13, 17], [19, 23, 29]]
"""Any token ids do: the merged model is only compared with what is loaded again."""


def merge(base: Path, adapter: Path, target: Path) -> logits.LogitRecord:
    """Write the merged model to ``target`` in the base model's precision and return logits that it gave.

    Tokenizer and generation settings are not written. Raises :class:`UsageError` for an adapter that does not fit.
    """
    import torch
    from transformers import AutoConfig

    stored = AutoConfig.from_pretrained(str(base)).dtype or torch.float32
    try:
        model = merged(base, adapter)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"the adapter does not fit its base model: {reason}", where=adapter) from error
    model.to(stored)
    rows, precision = logits.precise_logits_of(model, _PROMPTS, "cpu")
    model.save_pretrained(target)
    (target / "generation_config.json").unlink(missing_ok=True)
    return logits.LogitRecord(_PROMPTS, rows, precision)


def merged(base: Path, adapter: Path, *, trust_remote_code: bool = False) -> Any:
    """Return the base model in float32 with the adapter merged into it.

    A quantised base is unpacked first: the adapter may have been trained on a quantised copy.
    """
    import torch
    from peft import PeftModel

    whole = loading.load_model(
        base, device="cpu", dtype=torch.float32, dequantize=True, trust_remote_code=trust_remote_code
    )
    return PeftModel.from_pretrained(whole, str(adapter)).merge_and_unload()
