"""Run the whole transform with one call: resolve the recipe, sample, filter, fine-tune, register."""

import os
from typing import Any

from ssd_harness.artifacts.registry import Checkpoint
from ssd_harness.distill import pipeline
from ssd_harness.distill.planning import make_plan
from ssd_harness.errors import UsageError
from ssd_harness.recipe.definition import FIELDS, Recipe


def distill(
    model: str,
    *,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    name: str | None = None,
    revision: str | None = None,
    **fields: Any,
) -> Checkpoint:
    """Put a model through simple self-distillation and return the registered checkpoint.

    The same call returns the same checkpoint: finished work is reused, and an interrupted run continues. Sampling and
    training run in processes of their own. The plan and progress go to standard error.

    Args:
        model: A Hub id, a local folder, ``demo`` (the embedded model), or ``ssd:NAME`` for a registered checkpoint.
        recipe: A :class:`Recipe`, the name of a preset, or the path of a YAML file. None uses the model's preset, else
            the defaults. A :class:`Recipe` replaces the preset completely.
        name: Name of the checkpoint. None derives one from the model and the fingerprint.
        revision: Branch, tag or commit on the Hub.
        **fields: Fields of the recipe, which override ``recipe``: temperatures (``T_train``), token counts
            (``max_new_tokens_train``), optimiser steps (``steps``). ``ssd-harness recipe show MODEL`` lists them all.

    Returns:
        The checkpoint: ``name`` (evaluate it as ``ssd:NAME``), ``path`` (a folder that transformers can load),
        ``fingerprint``, and ``manifest`` (resolved recipe, prompts, sampling and training figures, software versions).

    Raises:
        UsageError: The model, a field or a value is not valid, there are no prompts, or the run does not fit this
            machine. Raised before any sampling.
        InfrastructureError: A stage failed. Call again to continue from the finished part.

    """
    return pipeline.run(make_plan(model, _overrides(recipe, fields), name=name, revision=revision))


def _overrides(recipe: Recipe | str | os.PathLike[str] | None, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the words of a command for a recipe and the fields that override it."""
    if recipe is None:
        return fields
    if isinstance(recipe, str | os.PathLike):
        return {"recipe": os.fspath(recipe), **fields}
    if not isinstance(recipe, Recipe):
        raise UsageError(
            f"recipe= expected a Recipe, a preset's name or a path, got {type(recipe).__name__}",
            next_step="`ssd-harness recipe list` names the presets",
        )
    values = {field: getattr(recipe, field) for field in FIELDS}
    # Unless it is chosen, the sampler follows the engine.
    chosen = {field: value for field, value in values.items() if field != "sampler" or value != FIELDS[field].default}
    return {"recipe": "none", **chosen, **fields}
