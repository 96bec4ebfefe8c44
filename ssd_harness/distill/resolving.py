"""Resolve a model's recipe from its name, its manifest and the words of a command."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ssd_harness.artifacts import registry
from ssd_harness.distill import sampler_choice
from ssd_harness.engines.choice import AUTO, EngineChoice, choose_engine
from ssd_harness.errors import UsageError
from ssd_harness.recipe.definition import FIELDS, coerce
from ssd_harness.recipe.resolution import Resolved, asked, named_recipe, resolve


def resolve_for(
    pretrained: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    engine: EngineChoice | None = None,
) -> Resolved:
    """Resolve the recipe of ``pretrained`` from its name, or from its manifest if it is a registered checkpoint.

    The engine is ``engine``, or the one that the recipe and this machine lead to.
    """
    chosen = engine or engine_of(overrides or {})
    backend = (sampler_choice.engine_layer(chosen.name), chosen.fields)
    resolved = _resolved(pretrained, overrides, backend)
    origins = {**resolved.origins, "engine": chosen.reason}
    return replace(resolved, recipe=replace(resolved.recipe, engine=chosen.name), origins=origins)


def engine_of(overrides: Mapping[str, Any]) -> EngineChoice:
    """Return the engine that these fields select on this machine."""
    return choose_engine(asked("engine", overrides) or AUTO, device=asked("device", overrides))


def _resolved(
    pretrained: str,
    overrides: Mapping[str, Any] | None,
    backend: tuple[str, Mapping[str, Any]],
) -> Resolved:
    if not pretrained.startswith(registry.PREFIX):
        return resolve(pretrained, overrides, backend=backend)
    checkpoint = registry.get(pretrained)
    inherited = (f"manifest of {checkpoint.name}", checkpoint.manifest["recipe"])
    base = str(checkpoint.manifest["base"]["name"])
    return resolve(pretrained, overrides, inherited=inherited, base=base, backend=backend)


def as_it_is(pretrained: str, overrides: Mapping[str, Any]) -> registry.Checkpoint:
    """Return the registered checkpoint ``ssd:NAME``, to be evaluated and not trained on.

    Raises :class:`UsageError` for an unknown name, for a field that would have shaped the checkpoint, and for a recipe
    file that would have made another one.
    """
    checkpoint = registry.get(pretrained)
    origin, named = named_recipe(overrides) or ("", {})
    recorded = checkpoint.manifest["recipe"]
    differing = {
        name: f" ({origin})" for name in named if name in recorded and coerce(name, named[name]) != recorded[name]
    }
    for name, source in (dict.fromkeys(overrides, "") | differing).items():
        if name in FIELDS and FIELDS[name].metadata["side"] == "train":
            raise UsageError(
                f"{name}{source} changes nothing in {pretrained}, which exists already",
                next_step='--metadata \'{"prompt": "..."}\' asks it in other words'
                if name == "prompt_style"
                else "give rounds=1 to put it through the transform again",
            )
    return checkpoint
