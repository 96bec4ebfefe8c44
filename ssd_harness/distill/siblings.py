"""Explain why similar checkpoints are not reused: same base and recipe, another fingerprint."""

from collections.abc import Mapping
from typing import Any

from ssd_harness.artifacts import registry
from ssd_harness.distill.plan import Plan
from ssd_harness.recipe.definition import FIELDS
from ssd_harness.recipe.fingerprint import NAMED_BY_IDENTITY

_MOST = 3


def others_of_recipe(plan: Plan) -> list[str]:
    """Return a line for each checkpoint of this base and recipe with another fingerprint, naming what differs."""
    if plan.checkpoint:
        return []
    lines = []
    for checkpoint in registry.checkpoints():
        manifest = checkpoint.manifest
        if manifest["base"].get("weights") == plan.parts["base"] and _same_fields(plan, manifest["recipe"]):
            lines.append(f"  not reused: {registry.PREFIX}{checkpoint.name}, made with {_difference(plan, manifest)}")
    more = [f"  and {len(lines) - _MOST:,} more"] if len(lines) > _MOST else []
    return [*lines[:_MOST], *more]


def _same_fields(plan: Plan, recipe: Mapping[str, Any]) -> bool:
    """Whether the training fields are equal; a field that the manifest lacks had its default value."""
    names = [name for name in plan.recipe.side("train") if name not in NAMED_BY_IDENTITY]
    return bool(recipe) and all(recipe.get(name, FIELDS[name].default) == getattr(plan.recipe, name) for name in names)


def _difference(plan: Plan, manifest: Mapping[str, Any]) -> str:
    if (manifest.get("prompts") or {}).get("sha256") not in (None, plan.parts["prompts"]):
        return "other prompts, or the same prompts as read by an earlier version"
    recorded = manifest.get("parts")
    if not recorded:
        return "an earlier version, or with other versions of plugins"
    names = sorted(name for name in plan.parts.keys() | recorded.keys() if plan.parts.get(name) != recorded.get(name))
    return f"another {' and '.join(names)}" if names else "an earlier version"
