"""Names of what a recipe makes: hashes of its fields, its model, its prompts and the versions of its parts."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ssd_harness.recipe.definition import LORA_FIELDS, Recipe

NAMED_BY_IDENTITY = {"prompts", "prompt_limit", "prompt_column", "starter_column", "id_column", "tests_column"}
NAMED_BY_IDENTITY |= {"exclude_prompts", "prompt_template", "prompt_style", "sampler", "trainer"}
"""What hashes and versions stand for, wherever it came from."""
_AFTER_SAMPLING = {"filter", "transform", "rounds", "steps", "epochs", "batch_size_train", "max_length_train", "lr"}
_AFTER_SAMPLING |= {"min_lr", "warmup_steps", "weight_decay", "beta1", "beta2", "max_grad_norm", "dtype_checkpoint"}
_AFTER_SAMPLING |= {"loss_weighting", "lora_rank", *LORA_FIELDS}
"""What changes nothing in the samples. Any other field counts as shaping them, a new one too."""


def fingerprint(
    recipe: Recipe, *, base: str, tokenizer: str, prompts: str, sampler: str, trainer: str, **others: str
) -> str:
    """Return the name of what the recipe makes, as 64 hexadecimal digits: equal means that it can be reused.

    ``base`` is the weights' hash or commit, ``tokenizer`` that of tokenizer and chat template, ``prompts`` the prompt
    set's hash, ``sampler`` and ``trainer`` are ``name@version``, and so are ``others``: filter, transform and prompt
    source, where they are a plugin's or more than the first version of a built-in one, and ``style``, the hash of the
    prompt style's texts, where they are not the default's. The evaluation's decoding, devices, batch shapes and library
    versions take no part: they change nothing in the checkpoint that anybody asked for. Nor does where the prompts came
    from: their hash says which they are.
    """
    fields = recipe.side("train")
    for name in NAMED_BY_IDENTITY:
        del fields[name]
    identity = {"base": base, "tokenizer": tokenizer, "prompts": prompts, "sampler": sampler, "trainer": trainer}
    return _digest(fields, identity | others)


def samples_fingerprint(recipe: Recipe, *, model: str, tokenizer: str, prompts: str, sampler: str) -> str:
    """Return the name of the samples that the recipe has drawn, as 64 hexadecimal digits.

    Recipes that differ in what is done with them share it. ``model`` is what they are drawn from: the base's weights,
    or in a later round the fingerprint of the checkpoint before.
    """
    apart = _AFTER_SAMPLING.union(NAMED_BY_IDENTITY)
    fields = {name: value for name, value in recipe.side("train").items() if name not in apart}
    return _digest(fields, {"model": model, "tokenizer": tokenizer, "prompts": prompts, "sampler": sampler})


def _digest(fields: Mapping[str, Any], identity: Mapping[str, str]) -> str:
    text = json.dumps({"fields": fields, **identity}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
