"""Write a trained model as a checkpoint that differs from the base model only in its weights."""

import json
import shutil
from pathlib import Path
from typing import Any

from ssd_harness.artifacts.base_model import TEMPLATES
from ssd_harness.distill.checkpoint_check import RECORD
from ssd_harness.distill.ranks import Rank
from ssd_harness.distill.training import CHECKPOINT
from ssd_harness.distill.training_metrics import METRICS
from ssd_harness.engines import loading, logits
from ssd_harness.plugins.trl.adapter import merged
from ssd_harness.plugins.trl.rows import COMPLETE
from ssd_harness.recipe.definition import Recipe

_WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx"}
_OTHERS = {"config.json", "ssd_manifest.json", "README.md", METRICS}
_UPCAST_ATTENTIONS = (None, "eager", "sdpa")
"""Attention implementations that can compute in float32."""


def last_state(folder: Path) -> Path | None:
    """Return the newest saved training state that is complete."""
    states = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return max(states, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def write(trainer: Any, base: Path, recipe: Recipe, folder: Path, rank: Rank) -> None:
    """Write the model with the base's own tokenizer and settings, atomically; every process must call it.

    The trained model's logits for two short prompts are written to ``folder / RECORD``; the checkpoint must match.
    """
    from transformers import AutoConfig

    settings = AutoConfig.from_pretrained(str(base), trust_remote_code=recipe.trust_remote_code)
    dtype = settings.dtype or trainer.accelerator.unwrap_model(trainer.model).dtype
    if recipe.dtype_checkpoint != "auto":
        dtype = loading.pick_dtype(recipe.dtype_checkpoint, "cpu")
    prompts = logits.short_prompts([trainer.train_dataset[place]["input_ids"] for place in (0, -1)])
    model, tensors, record = _gathered(trainer, recipe, dtype, prompts)
    if not rank.first:
        return
    scratch, target = folder / "unfinished", folder / CHECKPOINT
    for old in (scratch, target):
        shutil.rmtree(old, ignore_errors=True)
    if recipe.lora_rank:
        model.save_pretrained(folder / "adapter", **({"state_dict": tensors} if tensors else {}))
        model = merged(base, folder / "adapter", trust_remote_code=recipe.trust_remote_code).to(dtype)
        tensors = None
    # With a quantised base, the checkpoint is compared with the merged model.
    record = record or _record(model, prompts, "cpu", exact=True)
    record.write(folder / RECORD)
    model.save_pretrained(scratch, **({"state_dict": tensors} if tensors else {}))
    _restore_config(base / "config.json", scratch / "config.json", str(dtype).removeprefix("torch."))
    (scratch / "generation_config.json").unlink(missing_ok=True)
    for file in base.iterdir():
        weights = file.suffix in _WEIGHTS or file.name.endswith(".index.json")
        if file.is_file() and not weights and file.name not in _OTHERS:
            shutil.copy2(file, scratch / file.name)
    if (base / TEMPLATES).is_dir():
        shutil.copytree(base / TEMPLATES, scratch / TEMPLATES)
    if (folder / METRICS).exists():
        shutil.copy2(folder / METRICS, scratch / METRICS)
    scratch.rename(target)


def _gathered(trainer: Any, recipe: Recipe, dtype: Any, prompts: list[list[int]]) -> tuple[Any, Any, Any]:
    """Return the model, its gathered tensors if it is sharded, and the record of the trainer's logits."""
    import torch

    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    device, shared = trainer.args.device, recipe.shared != "none"
    if not recipe.lora_rank and recipe.shared != "zero3":
        _round(model, dtype)
    # A model with adapters is rounded after the merge.
    rounded = dtype is torch.float32 or not (recipe.lora_rank or recipe.shared == "zero3")
    exact = rounded and recipe.attention in _UPCAST_ATTENTIONS
    if not shared:
        record = None if recipe.lora_quantize else _record(model, prompts, device, exact=exact)
        return (model if recipe.lora_rank else model.to(dtype)), None, record
    # Every process takes part in gathering, and in a forward pass of a sharded model.
    rows = logits.logits_of(trainer.model_wrapped, prompts, device)
    exact = exact and not trainer.args.bf16 and model.dtype is torch.float32
    record = logits.LogitRecord(prompts, rows, logits.EXACT if exact else logits.HALF)
    tensors = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if tensors and not recipe.lora_rank:
        # Tied weights are stored under one name; the model knows which are tied.
        tied = model.all_tied_weights_keys
        tensors = {name: tensor.to(dtype) for name, tensor in tensors.items() if tied.get(name) not in tensors}
    return model, tensors, record


def _record(model: Any, prompts: Any, device: Any, *, exact: bool) -> logits.LogitRecord:
    rows, precision = logits.precise_logits_of(model, prompts, device)
    return logits.LogitRecord(prompts, rows, precision if exact else logits.HALF)


def _round(model: Any, dtype: Any) -> None:
    """Round the weights in place to the precision of ``dtype``."""
    import torch

    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.to(dtype))


def _restore_config(base: Path, written: Path, dtype: str) -> None:
    """Restore the base's own configuration: trainers change padding, routing and caching in it."""
    config = json.loads(base.read_text("utf-8"))
    quantized = config.pop("quantization_config", None)
    if quantized:  # the weights are plain now, and only transformers knows what else that changed
        config = json.loads(written.read_text("utf-8"))
    config.pop("torch_dtype", None)
    config["dtype"] = dtype
    written.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
