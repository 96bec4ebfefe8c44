"""Resolve a recipe from defaults, presets, files and the user's fields, and record the origin of each value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.recipe.definition import FIELDS, LORA_FIELDS, Recipe, coerce, side_of
from ssd_harness.recipe.presets import Preset, by_name, chosen_preset, launches, presets

GIVEN = "given"
"""Origin of a field that the command gives."""
_REMOVED = {"round_task", "round_metric", "round_limit", "patience", "min_gain"}
"""Fields that only manifests of older versions have; these selected a round by an evaluation."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A recipe with the origin of each of its values."""

    recipe: Recipe
    origins: Mapping[str, str]
    preset: str | None
    """Name of the preset, if there is one."""
    because: str = ""
    """Why this preset, or no preset, was chosen."""
    above: tuple[str, ...] = ()
    """Origins of the layers above the preset, such as a manifest or a file."""

    @property
    def launches(self) -> list[Preset]:
        """The launches (settings for certain GPUs) among the layers."""
        launch = launches()
        return [launch[name] for name in (origin.removeprefix("launch ") for origin in self.above) if name in launch]

    @property
    def summary(self) -> str:
        """The sources of the recipe, in words, for the first line of a plan."""
        reason = f", {self.because}" if self.because else ""
        start = f"recipe {self.preset}{reason}" if self.preset else f"no recipe of its own{reason}, defaults"
        if not (self.preset or self.because or self.above):
            start += f"; recipe=NAME takes one of {', '.join(presets())}"
        return ", then ".join((start, *self.above))


def resolve(
    pretrained: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    inherited: tuple[str, Mapping[str, Any]] | None = None,
    base: str | None = None,
    backend: tuple[str, Mapping[str, Any]] | None = None,
) -> Resolved:
    """Resolve a recipe: defaults < ``backend`` < preset < ``inherited`` < recipe file < ``overrides``.

    ``overrides`` has fields as text or values, and optionally ``recipe``: the name of a preset, which replaces the
    model's own, ``none`` for no preset, or the path of a YAML file. ``inherited`` is (origin, fields) from the manifest
    of a registered checkpoint; its fields of the side ``run`` are ignored. ``backend`` is (origin, fields) from the
    model class. Without a preset in ``overrides``, the preset is that of ``base``, the model that a registered
    checkpoint was made from, or else of ``pretrained``. Raises :class:`UsageError` for an unknown field (with the
    nearest name) and for a value of the wrong kind.
    """
    fields_given = dict(overrides or {})
    recipe_layer = named_recipe(fields_given)
    chosen = fields_given.pop("recipe", None)
    recipe_name = "" if chosen is None else str(chosen)
    preset, because = None, "asked for"
    if recipe_name not in presets() and recipe_name.lower() != "none":
        preset = by_name(base or pretrained)
        because = "by its name" if preset else ""
    layers: list[tuple[str, Mapping[str, Any]]] = [backend] if backend else []
    if preset:
        layers.append((f"preset {preset.name}", preset.fields))
    if inherited:
        origin, fields = inherited
        layers.append((origin, without_run_side(fields)))
    if recipe_layer:
        layers.append(recipe_layer)
        preset = presets().get(recipe_name, preset)
    below = {backend[0] if backend else "", f"preset {preset.name}" if preset else ""}
    above = () if recipe_name in presets() else tuple(origin for origin, _ in layers if origin not in below)
    layers.append((GIVEN, fields_given))

    values, origins = _merged(layers)
    return Resolved(Recipe(**values), origins, preset.name if preset else None, because, above)


def without_run_side(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest's recipe without the fields of the side ``run``, and without fields that no longer exist.

    A manifest may come from anywhere. It must neither allow an overlap nor enable code from a model's repository.
    """
    kept = {name: value for name, value in fields.items() if name not in _REMOVED}
    return {name: value for name, value in kept.items() if name not in FIELDS or side_of(name) != "run"}


def named_recipe(overrides: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return origin and fields of the preset or file that ``overrides["recipe"]`` names, or None."""
    name = str(overrides.get("recipe") or "")
    return chosen_preset(name) if name and name.lower() != "none" else None


def requested_value(name: str, overrides: Mapping[str, Any]) -> Any:
    """Return the value that the command gives for field ``name``, directly or in a recipe file, or None."""
    if name in overrides:
        return coerce(name, overrides[name])
    origin, fields = named_recipe(overrides) or ("", {})
    return _coerced(origin, name, fields[name]) if name in fields else None


def _merged(layers: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Merge the layers, later ones over earlier ones; return the values and the origin of each field."""
    values: dict[str, Any] = {}
    origins = dict.fromkeys(FIELDS, "default")
    for origin, layer in layers:
        fields = {name: _coerced(origin, name, value) for name, value in layer.items()}
        if fields.get("epochs") is not None:
            # Given epochs replace the steps of an earlier layer.
            values["steps"], origins["steps"] = None, f"epochs {origin}"
        if "lora_rank" in fields and fields["lora_rank"] is None:
            # Without adapters, their settings in an earlier layer do not apply.
            values |= {name: FIELDS[name].default for name in LORA_FIELDS}
            origins |= dict.fromkeys(LORA_FIELDS, f"lora_rank {origin}")
        if "prompt_style" in fields:
            # Another style has its own format and system message.
            for name in {"prompt_format", "system_message"} - fields.keys():
                values[name], origins[name] = FIELDS[name].default, f"prompt_style {origin}"
        values |= fields
        origins |= dict.fromkeys(fields, origin)
    return values, origins


def _coerced(origin: str, name: str, value: Any) -> Any:
    try:
        return coerce(name, value)
    except UsageError as error:
        if origin == GIVEN:
            raise
        raise UsageError(error.what, where=origin, next_step=error.next_step) from error
