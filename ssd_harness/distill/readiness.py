"""Refuse before sampling what training could not do."""

import importlib.util

from ssd_harness.artifacts.base_model import BaseModel, settings_folder
from ssd_harness.engines import loading
from ssd_harness.errors import UsageError
from ssd_harness.extensions.components import Trainer
from ssd_harness.recipe.definition import FIELDS, Recipe


def check_training(recipe: Recipe, trainer: Trainer) -> None:
    """Refuse a recipe that cannot be trained on any machine."""
    if recipe.gpus > 1 and not trainer.several_processes:
        raise UsageError(f"the trainer {recipe.trainer!r} works in one process", next_step="leave gpus= out")
    if recipe.batch_size_train % recipe.gpus:
        raise UsageError(f"batch_size_train={recipe.batch_size_train} is not a multiple of gpus={recipe.gpus}")
    if recipe.shared != "none" and recipe.gpus == 1:
        raise UsageError(f"sharding={recipe.sharding} needs several processes", next_step="give gpus= or leave it out")
    for name, value in (("sharding", recipe.shared), ("dequantize", recipe.dequantize)):
        if recipe.lora_quantize and value not in ("none", False):
            raise UsageError(
                f"lora_quantize={recipe.lora_quantize} does not go with {name}={value}", next_step="leave one out"
            )


def check_machine(recipe: Recipe) -> None:
    """Refuse a recipe that cannot be trained on this machine."""
    quantizes = f"lora_quantize={recipe.lora_quantize}"
    loading.pick_device(recipe.device)
    if recipe.sharding == "zero3":
        if loading.pick_device(recipe.device).startswith("cpu"):
            raise UsageError("sharding=zero3 needs GPUs", next_step="on a CPU give sharding=fsdp2, or leave it out")
        if importlib.util.find_spec("deepspeed") is None:
            raise UsageError(
                "sharding=zero3 needs DeepSpeed", next_step="pip install deepspeed, or give sharding=fsdp2"
            )
    if recipe.lora_quantize:
        if not (device := loading.pick_device(recipe.device)).startswith(("cuda", "cpu")):
            raise UsageError(f"{quantizes} needs a CUDA GPU or the CPU, not {device}", next_step="leave it out")
        if importlib.util.find_spec("bitsandbytes") is None:
            raise UsageError(f"{quantizes} needs bitsandbytes", next_step="pip install bitsandbytes, or leave it out")


def check_names(recipe: Recipe, base: BaseModel) -> None:
    """Refuse names of attention implementations and of modules that transformers or the model does not have."""
    targets = recipe.lora_targets.split("+") if recipe.lora_targets != FIELDS["lora_targets"].default else []
    if recipe.attention:
        loading.check_attention(recipe.attention)
    if not (recipe.attention or targets):
        return
    folder = base.local or settings_folder(base.name, base.revision)
    if folder and recipe.attention:
        loading.check_implementations(folder, {"attn_implementation": recipe.attention})
    if folder and targets:
        loading.check_modules(folder, targets)
