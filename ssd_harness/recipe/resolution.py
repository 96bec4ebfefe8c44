"""Put a model's recipe together from all that has a say in it, and keep of each value where it came from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.recipe.definition import FIELDS, LORA_FIELDS, Recipe, coerce, side_of
from ssd_harness.recipe.presets import Preset, by_name, chosen_preset, launches, presets

GIVEN = "given"
"""The origin of what was asked for in so many words."""
_REMOVED = {"round_task", "round_metric", "round_limit", "patience", "min_gain"}
"""Fields of manifests that older versions wrote: rounds were chosen by an evaluation."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A recipe with the origin of each of its values."""

    recipe: Recipe
    origins: Mapping[str, str]
    preset: str | None
    """Name of the preset that was taken, if one was."""
    because: str = ""
    """Why this preset, or none."""
    above: tuple[str, ...] = ()
    """Origins of whole layers above it: a manifest, a file."""

    @property
    def launches(self) -> list[Preset]:
        """The launches among its layers: what machine they are for."""
        known = launches()
        return [known[name] for name in (origin.removeprefix("launch ") for origin in self.above) if name in known]

    @property
    def said(self) -> str:
        """What the recipe was put together from, in words."""
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
    """Put a recipe together: defaults < ``backend`` < preset < ``inherited`` < recipe file < ``overrides``.

    ``overrides`` holds field=value pairs as words or values, and optionally ``recipe``: a preset's name, which takes
    the place of the one that the model would get, ``none`` for no preset, or the path of a YAML file. ``inherited`` is
    (origin, fields), from the manifest of a registered checkpoint: those of the side ``run`` do not count. ``backend``
    likewise, from the model class, and all of it counts. The preset is that of ``base``, the model that a registered
    checkpoint was made from, else of ``pretrained``. Raises :class:`UsageError` for a field that does not exist (and
    names the nearest) and for a value of the wrong kind.
    """
    given = dict(overrides or {})
    named_layer = named_recipe(given)
    chosen = given.pop("recipe", None)
    named = "" if chosen is None else str(chosen)
    preset, because = None, "asked for"
    if named not in presets() and named.lower() != "none":
        preset = by_name(base or pretrained)
        because = "by its name" if preset else ""
    layers: list[tuple[str, Mapping[str, Any]]] = [backend] if backend else []
    if preset:
        layers.append((f"preset {preset.name}", preset.fields))
    if inherited:
        origin, fields = inherited
        layers.append((origin, without_run_side(fields)))
    if named_layer:
        layers.append(named_layer)
        preset = presets().get(named, preset)
    below = {backend[0] if backend else "", f"preset {preset.name}" if preset else ""}
    above = () if named in presets() else tuple(origin for origin, _ in layers if origin not in below)
    layers.append((GIVEN, given))

    values, origins = _merged(layers)
    return Resolved(Recipe(**values), origins, preset.name if preset else None, because, above)


def without_run_side(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest's recipe without the fields that say how to run.

    Those are for whoever runs something, on their machine: a manifest may come from anywhere, and must neither allow
    an overlap nor switch on code that a model brings along. Fields that no longer exist are left out too.
    """
    kept = {name: value for name, value in fields.items() if name not in _REMOVED}
    return {name: value for name, value in kept.items() if name not in FIELDS or side_of(name) != "run"}


def named_recipe(overrides: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return origin and fields of the preset or file that ``recipe`` among the overrides names; None without one."""
    named = str(overrides.get("recipe") or "")
    return chosen_preset(named) if named and named.lower() != "none" else None


def asked(name: str, overrides: Mapping[str, Any]) -> Any:
    """Return the value that the user gives field ``name``, in so many words or in a recipe file; None without one."""
    if name in overrides:
        return coerce(name, overrides[name])
    origin, fields = named_recipe(overrides) or ("", {})
    return _coerced(origin, name, fields[name]) if name in fields else None


def _merged(layers: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values that the layers leave, later ones above earlier ones, and each field's origin."""
    values: dict[str, Any] = {}
    origins = dict.fromkeys(FIELDS, "default")
    for origin, layer in layers:
        found = {name: _coerced(origin, name, value) for name, value in layer.items()}
        if found.get("epochs") is not None:
            # Whoever asks for epochs does not want an earlier layer's number of steps.
            values["steps"], origins["steps"] = None, f"epochs {origin}"
        if "lora_rank" in found and found["lora_rank"] is None:
            # Nor does who wants no adapters want an earlier layer's way to make them.
            values |= {name: FIELDS[name].default for name in LORA_FIELDS}
            origins |= dict.fromkeys(LORA_FIELDS, f"lora_rank {origin}")
        if "prompt_style" in found:
            # Another style has its own form and system message.
            for name in {"prompt_format", "system_message"} - found.keys():
                values[name], origins[name] = FIELDS[name].default, f"prompt_style {origin}"
        values |= found
        origins |= dict.fromkeys(found, origin)
    return values, origins


def _coerced(origin: str, name: str, value: Any) -> Any:
    try:
        return coerce(name, value)
    except UsageError as error:
        if origin == GIVEN:
            raise
        raise UsageError(error.what, where=origin, next_step=error.next_step) from error
