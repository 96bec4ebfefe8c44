"""What a plan costs at most, from its own numbers and the base model's configuration."""

import json

from ssd_harness.distill.plan import Plan

_FORWARD, _TRAIN = 2, 6
"""Floating point operations a parameter and token: reading or writing one, and training on one."""
_GPU_FLOPS = 4e14
"""What one current data-centre GPU sustains in bfloat16 while training; sampling reaches a fraction of it."""
_SAMPLING_SHARE = 0.1
_PROMPT_TOKENS = 500


def estimate(plan: Plan) -> list[str]:
    """Return lines with the upper bounds of tokens, GPU-hours and disk; rough by nature, and said to be."""
    recipe = plan.recipe
    samples = plan.prompts.count * recipe.n_train * recipe.rounds
    tokens = samples * recipe.max_new_tokens_train
    seen = (recipe.steps or 0) * recipe.batch_size_train or int(samples * (recipe.epochs or 1))
    trained = seen * min(recipe.max_length_train, _PROMPT_TOKENS + recipe.max_new_tokens_train)
    lines = [
        f"samples: {samples:,}, at most {tokens:,} tokens (sampling ends earlier wherever the model does)",
        f"training: {seen:,} sequences, at most {trained:,} tokens",
    ]
    parameters = _parameters(plan)
    if parameters is None:
        return [*lines, "GPU-hours and disk: known once the model is here"]
    sampling_h = tokens * _FORWARD * parameters / (_GPU_FLOPS * _SAMPLING_SHARE) / 3600
    training_h = trained * _TRAIN * parameters / _GPU_FLOPS / 3600
    disk = parameters * (2 + 2 * 12) + tokens * 6  # checkpoint, two saved training states, shards
    return [
        *lines,
        f"GPU-hours: at most {sampling_h:,.1f} to sample and {training_h:,.1f} to train ({parameters:,} parameters)",
        f"disk: at most {disk / 1e9:,.1f} GB while it runs, {2 * parameters / 1e9:,.1f} GB to keep",
    ]


def _parameters(plan: Plan) -> int | None:
    """Return the number of parameters by the size of the files, if the base model is on this machine."""
    if not plan.base.local:
        return None
    size = sum(file.stat().st_size for file in plan.base.local.glob("*.safetensors"))
    config = json.loads((plan.base.local / "config.json").read_text("utf-8"))
    wide = (config.get("dtype") or config.get("torch_dtype")) == "float32"
    return size // (4 if wide else 2) or None
