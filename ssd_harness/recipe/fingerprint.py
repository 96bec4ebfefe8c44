"""Fingerprints of checkpoints and samples: hashes of the recipe, the model, the prompts and the components."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ssd_harness.recipe.definition import LORA_FIELDS, Recipe

NAMED_BY_IDENTITY = {"prompts", "prompt_limit", "prompt_column", "starter_column", "id_column", "tests_column"}
NAMED_BY_IDENTITY |= {"exclude_prompts", "prompt_template", "prompt_style", "sampler", "trainer"}
"""Fields that enter a fingerprint as hashes and versions, not by their values."""
_AFTER_SAMPLING = {"filter", "transform", "rounds", "steps", "epochs", "batch_size_train", "max_length_train", "lr"}
_AFTER_SAMPLING |= {"min_lr", "warmup_steps", "weight_decay", "beta1", "beta2", "max_grad_norm", "dtype_checkpoint"}
_AFTER_SAMPLING |= {"loss_weighting", "lora_rank", *LORA_FIELDS}
"""Fields that do not change the samples. All other fields of the training side do, new ones included."""


def fingerprint(
    recipe: Recipe, *, base: str, tokenizer: str, prompts: str, sampler: str, trainer: str, **others: str
) -> str:
    """Return the fingerprint of a checkpoint, 64 hexadecimal digits.

    Checkpoints with equal fingerprints are interchangeable.

    ``base`` is the hash or commit of the weights, ``tokenizer`` the hash of tokenizer and chat template, ``prompts``
    the hash of the prompt set. ``sampler`` and ``trainer`` are ``name@version``. So are ``others``: filter, transform
    and prompt source, if they belong to a plugin or are later versions of a built-in one. ``style`` is the hash of the
    prompt style's texts, unless it is the default. Decoding of the evaluation, devices, batch shapes, library versions
    and the path of the prompts are left out, because they do not change the checkpoint.
    """
    fields = recipe.side("train")
    for name in NAMED_BY_IDENTITY:
        del fields[name]
    identity = {"base": base, "tokenizer": tokenizer, "prompts": prompts, "sampler": sampler, "trainer": trainer}
    return _digest(fields, identity | others)


def samples_fingerprint(recipe: Recipe, *, model: str, tokenizer: str, prompts: str, sampler: str) -> str:
    """Return the fingerprint of the samples that the recipe draws, 64 hexadecimal digits.

    Recipes that differ only in later stages have the same one. ``model`` identifies the model that is sampled: the hash
    of the base model's weights, or in a later round the fingerprint of the previous round's checkpoint.
    """
    excluded = _AFTER_SAMPLING.union(NAMED_BY_IDENTITY)
    fields = {name: value for name, value in recipe.side("train").items() if name not in excluded}
    return _digest(fields, {"model": model, "tokenizer": tokenizer, "prompts": prompts, "sampler": sampler})


def _digest(fields: Mapping[str, Any], identity: Mapping[str, str]) -> str:
    text = json.dumps({"fields": fields, **identity}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
