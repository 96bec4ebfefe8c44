"""Merge a LoRA adapter that another trainer made into its base model."""

from pathlib import Path

from ssd_harness.engines import loading
from ssd_harness.errors import UsageError


def merge(base: Path, adapter: Path, target: Path) -> None:
    """Write the merged model to ``target``, in the base model's precision; the tokenizer is not this function's."""
    import torch
    from peft import PeftModel
    from transformers import AutoConfig

    stored = AutoConfig.from_pretrained(str(base), trust_remote_code=False).dtype or torch.float32
    whole = loading.load_model(base, device="cpu", dtype=torch.float32)
    try:
        merged = PeftModel.from_pretrained(whole, str(adapter)).merge_and_unload(safe_merge=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UsageError(f"the adapter does not fit its base model: {reason}", where=adapter) from error
    merged.to(stored).save_pretrained(target)
