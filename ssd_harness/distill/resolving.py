"""Resolve a model's recipe from its name, its manifest and the fields that a command gives."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ssd_harness.artifacts import registry
from ssd_harness.distill import sampler_choice
from ssd_harness.engines.choice import AUTO, EngineChoice, choose_engine
from ssd_harness.errors import UsageError
from ssd_harness.recipe.definition import FIELDS, coerce
from ssd_harness.recipe.resolution import Resolved, named_recipe, requested_value, resolve


def resolve_for(
    pretrained: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    engine: EngineChoice | None = None,
) -> Resolved:
    """Resolve the recipe of ``pretrained`` from its name, or from its manifest if it is a registered checkpoint.

    ``engine`` is the caller's choice of an engine; None chooses one for ``overrides`` and this machine.
    """
    choice = engine or engine_of(overrides or {})
    backend = (sampler_choice.engine_layer(choice.name), choice.fields)
    resolved = _resolve(pretrained, overrides, backend)
    origins = {**resolved.origins, "engine": choice.reason}
    return replace(resolved, recipe=replace(resolved.recipe, engine=choice.name), origins=origins)


def engine_of(overrides: Mapping[str, Any]) -> EngineChoice:
    """Return the engine that these recipe fields select on this machine."""
    return choose_engine(requested_value("engine", overrides) or AUTO, device=requested_value("device", overrides))


def _resolve(
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


def checkpoint_to_evaluate(pretrained: str, overrides: Mapping[str, Any]) -> registry.Checkpoint:
    """Return the registered checkpoint ``ssd:NAME``, for an evaluation without further training.

    Raises :class:`UsageError` for an unknown name, and for a training field, given directly or in a recipe file, that
    has no effect because the checkpoint exists already.
    """
    checkpoint = registry.get(pretrained)
    origin, fields = named_recipe(overrides) or ("", {})
    recorded = checkpoint.manifest["recipe"]
    differing = {
        name: f" ({origin})" for name in fields if name in recorded and coerce(name, fields[name]) != recorded[name]
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
