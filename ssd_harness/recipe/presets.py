"""Recipe files in YAML: the presets of the package, and files of the user."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ssd_harness.errors import UsageError

_ABOUT = {"models", "source", "config", "gpu_gb"}
_LONGEST = 1 << 20
"""Longest recipe file, in characters; a recipe has a few hundred."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A recipe file: its fields, its models, and the source of its numbers."""

    name: str
    models: tuple[str, ...]
    source: str
    fields: Mapping[str, Any]
    config: Mapping[str, Any]
    """The sizes in the model's ``config.json``; empty if they are not known."""
    gpu_gb: float | None = None
    """Memory of the GPUs that a launch is meant for, in 10^9 bytes."""


@functools.cache
def presets() -> dict[str, Preset]:
    """Read the presets that ship with the package, by name."""
    return _read(resources.files("ssd_harness.recipe") / "models")


@functools.cache
def launches() -> dict[str, Preset]:
    """Read the launches of the package by name: settings for certain GPUs, on top of a model's preset."""
    return _read(resources.files("ssd_harness.recipe") / "launch")


def _read(folder: Traversable) -> dict[str, Preset]:
    files = (entry for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    parsed = (_preset(entry.name, entry.read_text("utf-8")) for entry in files)
    return {preset.name: preset for preset in sorted(parsed, key=lambda preset: preset.name)}


def by_name(pretrained: str) -> Preset | None:
    """Return the preset of a Hub id, or of a folder that is named like the last part of one."""
    model_name = pretrained.rstrip("/").lower()
    for preset in presets().values():
        models = {model.lower() for model in preset.models}
        last_parts = {model.rsplit("/", 1)[-1] for model in models if "/" in model}  # any folder may be called demo
        if model_name in models or model_name.rsplit("/", 1)[-1] in last_parts:
            return preset
    return None


def chosen_preset(chosen: str) -> tuple[str, Mapping[str, Any]]:
    """Return origin and fields of the preset or launch called ``chosen``, or of the YAML file at that path."""
    if chosen in presets():
        return f"preset {chosen}", presets()[chosen].fields
    if chosen in launches():
        return f"launch {chosen}", launches()[chosen].fields
    path = Path(chosen).expanduser()
    try:
        with path.open("rb") as stream:
            text = stream.read(_LONGEST + 1).decode("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        next_step = f"give a YAML file or one of: {', '.join([*presets(), *launches()])}"
        raise UsageError(f"cannot read the recipe: {reason}", where=chosen, next_step=next_step) from error
    if len(text) > _LONGEST:
        raise UsageError("too large for a recipe file", where=chosen, next_step="write one `field: value` a line")
    return f"file {path.name}", _fields(chosen, _parsed(chosen, text))


def _preset(name: str, text: str) -> Preset:
    """Read a file of the package. Only models have a config, only launches a GPU."""
    content = _parsed(name, text)
    models, config, gpu_gb = tuple(content.get("models", ())), content.get("config") or {}, content.get("gpu_gb")
    return Preset(Path(name).stem, models, content["source"], _fields(name, content), config, gpu_gb)


def _parsed(name: str, text: str) -> Mapping[Any, Any]:
    import yaml

    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = f"{getattr(error, 'problem', error)}, line {mark.line + 1}" if mark else str(error)
        raise UsageError(f"not YAML: {reason}", where=name) from error
    if not isinstance(content, dict):
        raise UsageError("expected a mapping of fields", where=name, next_step="write one `field: value` a line")
    return content


def _fields(name: str, content: Mapping[Any, Any]) -> Mapping[str, Any]:
    """Return the mapping below ``fields``, or else the top-level fields without the description of the file."""
    beside = {key: value for key, value in content.items() if key not in _ABOUT}
    if "fields" not in beside:
        return beside
    fields = beside.pop("fields")
    if not isinstance(fields, dict):
        raise UsageError("fields: expected a mapping", where=name, next_step="write one `field: value` a line below it")
    if beside:
        raise UsageError(f"{next(iter(beside))!r} is outside of fields:", where=name, next_step="move it below fields:")
    return fields
