"""Merge a LoRA adapter into its base model."""

from pathlib import Path
from typing import Any

from ssd_harness.engines import loading, logits
from ssd_harness.errors import UsageError

_PROMPTS = [[5, 7, 11, 13, 17], [19, 23, 29]]
"""Any will do: the merged model is only compared with what is loaded again."""


def merge(base: Path, adapter: Path, target: Path, *, record: Path) -> None:
    """Write the merged model to ``target``, in the base model's precision, and its logits to ``record``.

    The tokenizer and the generation settings are not this function's.
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
    found, precision = logits.precise_logits_of(model, _PROMPTS, "cpu")
    model.save_pretrained(target)
    (target / "generation_config.json").unlink(missing_ok=True)
    logits.LogitRecord(_PROMPTS, found, precision).write(record)


def merged(base: Path, adapter: Path, *, trust_remote_code: bool = False) -> Any:
    """Return the base model in float32, unpacked if it is quantised, with the adapter added.

    What the adapter was trained on may be a quantised copy.
    """
    import torch
    from peft import PeftModel

    whole = loading.load_model(
        base, device="cpu", dtype=torch.float32, dequantize=True, trust_remote_code=trust_remote_code
    )
    return PeftModel.from_pretrained(whole, str(adapter)).merge_and_unload()
