"""Checkpoints that the same recipe made of something else: why a plan does not take them is told in one line."""

from collections.abc import Mapping
from typing import Any

from ssd_harness.artifacts import registry
from ssd_harness.distill.plan import Plan
from ssd_harness.recipe.definition import FIELDS
from ssd_harness.recipe.fingerprint import NAMED_BY_IDENTITY

_MOST = 3


def others_of_recipe(plan: Plan) -> list[str]:
    """Return a line for each checkpoint of this base and recipe that has another fingerprint, and what differs."""
    if plan.checkpoint:
        return []
    found = []
    for checkpoint in registry.checkpoints():
        manifest = checkpoint.manifest
        if manifest["base"].get("weights") == plan.parts["base"] and _same_fields(plan, manifest["recipe"]):
            found.append(f"  not reused: {registry.PREFIX}{checkpoint.name}, made with {_difference(plan, manifest)}")
    more = [f"  and {len(found) - _MOST:,} more like it"] if len(found) > _MOST else []
    return [*found[:_MOST], *more]


def _same_fields(plan: Plan, recipe: Mapping[str, Any]) -> bool:
    """Whether the fields that shape a checkpoint are equal; one that the manifest lacks had no other value then."""
    names = [name for name in plan.recipe.side("train") if name not in NAMED_BY_IDENTITY]
    return bool(recipe) and all(recipe.get(name, FIELDS[name].default) == getattr(plan.recipe, name) for name in names)


def _difference(plan: Plan, manifest: Mapping[str, Any]) -> str:
    if (manifest.get("prompts") or {}).get("sha256") not in (None, plan.parts["prompts"]):
        return "other prompts, or the same ones as an earlier version read them"
    before = manifest.get("parts")
    if not before:
        return "an earlier version, or with other versions of plugins"
    names = sorted(name for name in plan.parts.keys() | before.keys() if plan.parts.get(name) != before.get(name))
    return f"another {' and '.join(names)}" if names else "an earlier version"
