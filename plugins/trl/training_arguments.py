"""Translate a recipe into the arguments of TRL, transformers, peft, FSDP and DeepSpeed."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.recipe.definition import Recipe

_SAVES = 10
_TIMEOUT_S = 7200


@dataclass(frozen=True, slots=True)
class Schedule:
    """How many steps there are, and how the sequences of a step are divided."""

    steps: int
    warmup_steps: int
    micro_batch_size: int
    """Sequences in one forward pass of one process."""
    accumulate: int
    """Forward passes of one process in each step."""


def schedule(recipe: Recipe, rows: int, processes: int) -> Schedule:
    """Return the schedule for ``rows`` rows; the batch of a step does not depend on the number of processes."""
    share = recipe.batch_size_train // processes
    micro = next(size for size in range(min(share, recipe.micro_batch_size), 0, -1) if share % size == 0)
    steps = recipe.steps or max(1, math.ceil(rows * (recipe.epochs or 1) / recipe.batch_size_train))
    warmup = recipe.warmup_steps
    if warmup is None or warmup >= steps:
        warmup = steps // 10
    return Schedule(steps, warmup, micro, share // micro)


def arguments(recipe: Recipe, state: Path, plan: Schedule, *, processes: int, on_cpu: bool) -> Any:
    """Return the ``SFTConfig``; ``state`` is the folder of the saved training states."""
    from trl import SFTConfig

    accepted = {field.name for field in dataclasses.fields(SFTConfig)}
    sharded = sharding(recipe)
    # transformers 5.24 renamed it. With FSDP, fsdp_config turns it on.
    recompute = "activation_checkpointing" if "activation_checkpointing" in accepted else "gradient_checkpointing"
    options: dict[str, Any] = {
        recompute: recipe.gradient_checkpointing and "fsdp" not in sharded,
        # The method is plain cross-entropy, for mixtures of experts too.
        **({"router_aux_loss_coef": 0.0} if "router_aux_loss_coef" in accepted else {}),
        **({"ddp_backend": "gloo"} if on_cpu and processes > 1 else {}),
        **sharded,
    }
    return SFTConfig(
        output_dir=str(state),
        max_steps=plan.steps,
        per_device_train_batch_size=plan.micro_batch_size,
        gradient_accumulation_steps=plan.accumulate,
        learning_rate=recipe.lr,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr": min(recipe.min_lr, recipe.lr)},
        warmup_steps=plan.warmup_steps,
        weight_decay=recipe.weight_decay,
        adam_beta1=recipe.beta1,
        adam_beta2=recipe.beta2,
        optim="adamw_torch",
        max_grad_norm=recipe.max_grad_norm,
        seed=recipe.seed,
        data_seed=recipe.seed,
        bf16=computes_in_half(recipe, on_cpu=on_cpu),
        use_cpu=on_cpu,
        # The rows are already tokenised, labelled and cut: TRL must not change them.
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        packing=False,
        save_strategy="steps",
        save_steps=recipe.save_steps or max(1, math.ceil(plan.steps / _SAVES)),
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=not on_cpu,
        ddp_timeout=_TIMEOUT_S,
        ddp_find_unused_parameters=False,
        **options,
    )


def computes_in_half(recipe: Recipe, *, on_cpu: bool) -> bool:
    """Whether forward passes compute in bfloat16 over weights in float32."""
    return recipe.dtype_train == "auto" and not on_cpu


def sharding(recipe: Recipe) -> dict[str, Any]:
    """Return the arguments that shard weights, gradients and optimiser state over several processes."""
    if recipe.shared == "fsdp2":
        settings = {
            "version": 2,
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "reshard_after_forward": True,
            "cpu_ram_efficient_loading": True,
            "state_dict_type": "SHARDED_STATE_DICT",
            "activation_checkpointing": recipe.gradient_checkpointing,
        }
        return {"fsdp": True, "fsdp_config": settings}
    if recipe.shared == "zero3":
        stage3 = {
            "stage": 3,
            "overlap_comm": True,
            "contiguous_gradients": True,
            "reduce_bucket_size": "auto",
            "stage3_prefetch_bucket_size": "auto",
            "stage3_param_persistence_threshold": "auto",
            "stage3_gather_16bit_weights_on_model_save": True,
        }
        automatic = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps")
        settings = {"zero_optimization": stage3, "bf16": {"enabled": "auto"}, "gradient_clipping": "auto"}
        return {"deepspeed": {**settings, **dict.fromkeys(automatic, "auto")}}
    return {}


def lora(recipe: Recipe) -> Any:
    """Return peft's configuration of the adapters, or None if all parameters are trained."""
    if not recipe.lora_rank:
        return None
    from peft import LoraConfig

    targets = recipe.lora_targets.split("+")
    scale: Any = recipe.lora_alpha or 2 * recipe.lora_rank  # peft accepts any positive number
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.lora_rank,
        lora_alpha=scale,
        lora_dropout=recipe.lora_dropout,
        target_modules=recipe.lora_targets if targets == ["all-linear"] else targets,
    )


def four_bits() -> Any:
    """Return the quantisation of a QLoRA base: NF4 with doubly quantised constants, computing in bfloat16."""
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
