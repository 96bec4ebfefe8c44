"""From a trained model to a checkpoint folder that differs from the base's in its weights alone."""

import json
import shutil
from pathlib import Path
from typing import Any

from ssd_harness.plugins.peft_merge import merged
from ssd_harness.plugins.trl_rows import COMPLETE

from ssd_harness.distill.ranks import Rank
from ssd_harness.distill.training import CHECKPOINT
from ssd_harness.engines import loading
from ssd_harness.recipe import Recipe

_WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx"}
_OTHERS = {"config.json", "ssd_manifest.json", "README.md"}


def last_state(folder: Path) -> Path | None:
    """Return the newest saved training state that was written to its end."""
    states = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return max(states, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def write(trainer: Any, base: Path, recipe: Recipe, folder: Path, rank: Rank) -> None:
    """Write the model beside the base's own tokenizer and settings, whole or not at all; all processes call it."""
    sharded = recipe.shared != "none"
    # Gathering is everybody's work.
    tensors = trainer.accelerator.get_state_dict(trainer.model_wrapped) if sharded else None
    if not rank.first:
        return
    from transformers import AutoConfig

    scratch, target = folder / "unfinished", folder / CHECKPOINT
    for old in (scratch, target):
        shutil.rmtree(old, ignore_errors=True)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if recipe.lora_rank:
        model.save_pretrained(folder / "adapter", **({"state_dict": tensors} if tensors else {}))
        model = merged(
            base, folder / "adapter", dequantize=recipe.dequantize, trust_remote_code=recipe.trust_remote_code
        )
        tensors = None
    wanted = AutoConfig.from_pretrained(str(base), trust_remote_code=recipe.trust_remote_code).dtype or model.dtype
    if recipe.dtype_checkpoint != "auto":
        wanted = loading.pick_dtype(recipe.dtype_checkpoint, "cpu")
    if tensors is None:
        model.to(wanted).save_pretrained(scratch)
    else:
        tied = getattr(model, "_tied_weights_keys", None) or ()
        once = {name: tensor.to(wanted) for name, tensor in tensors.items() if name not in tied}
        model.save_pretrained(scratch, state_dict=once)
    _restore_config(base / "config.json", scratch / "config.json", str(wanted).removeprefix("torch."))
    (scratch / "generation_config.json").unlink(missing_ok=True)
    for file in base.iterdir():
        weights = file.suffix in _WEIGHTS or file.name.endswith(".index.json")
        if file.is_file() and not weights and file.name not in _OTHERS:
            shutil.copy2(file, scratch / file.name)
    scratch.rename(target)


def _restore_config(base: Path, written: Path, dtype: str) -> None:
    """Keep the base's own configuration: trainers fill in padding, routing and caching of theirs."""
    config = json.loads(base.read_text("utf-8"))
    quantized = config.pop("quantization_config", None)
    if quantized:  # the weights are plain now, and what else that changed only transformers knows
        config = json.loads(written.read_text("utf-8"))
    config.pop("torch_dtype", None)
    config["dtype"] = dtype
    written.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
