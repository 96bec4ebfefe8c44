"""Recipes as YAML files: those that ship with the package, one a model, and those that a user points at."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ssd_harness.errors import UsageError

_ABOUT = {"models", "source", "checkpoint"}


@dataclass(frozen=True, slots=True)
class Preset:
    """A recipe file: fields by name, the models it is for, and where its numbers come from."""

    name: str
    models: tuple[str, ...]
    source: str
    fields: Mapping[str, Any]
    checkpoint: Mapping[str, Any]
    """What tells the model by its own files (``recognition``), and its size."""


@functools.cache
def presets() -> dict[str, Preset]:
    """Read the presets that ship with the package, by name."""
    return _read(resources.files("ssd_harness.recipes"))


@functools.cache
def launches() -> dict[str, Preset]:
    """Read the ways to run on several GPUs that ship with the package, by name; a model's preset stays below them."""
    return _read(resources.files("ssd_harness.recipes") / "launch")


def _read(folder: Traversable) -> dict[str, Preset]:
    files = (entry for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    found = (parse(entry.name, entry.read_text("utf-8")) for entry in files)
    return {preset.name: preset for preset in sorted(found, key=lambda preset: preset.name)}


def by_name(pretrained: str) -> Preset | None:
    """Return the preset for a Hub id, or for a folder that carries the last part of one as its name."""
    wanted = pretrained.rstrip("/").lower()
    for preset in presets().values():
        known = {model.lower() for model in preset.models}
        if wanted in known or wanted.rsplit("/", 1)[-1] in {model.rsplit("/", 1)[-1] for model in known}:
            return preset
    return None


def is_known(pretrained: str) -> bool:
    """Whether a preset names this very model: its files need not be asked."""
    return any(pretrained.lower() == model.lower() for preset in presets().values() for model in preset.models)


def chosen_preset(chosen: str) -> tuple[str, Mapping[str, Any]]:
    """Return origin and fields of the preset or launch called ``chosen``, or of the YAML file at that path."""
    if chosen in presets():
        return f"preset {chosen}", presets()[chosen].fields
    if chosen in launches():
        return f"launch {chosen}", launches()[chosen].fields
    path = Path(chosen).expanduser()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        next_step = f"give a YAML file or one of: {', '.join([*presets(), *launches()])}"
        raise UsageError(f"cannot read the recipe: {error}", where=chosen, next_step=next_step) from error
    return f"file {path.name}", parse(str(path), text).fields


def parse(name: str, text: str) -> Preset:
    """Parse a recipe file: ``models``, ``source`` and ``fields``, or the bare fields."""
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"not YAML: {error}", where=name) from error
    fields = content.get("fields", content) if isinstance(content, dict) else None
    if not isinstance(fields, dict):
        raise UsageError("a recipe file holds a mapping", where=name, next_step="write one `field: value` a line")
    fields = {key: value for key, value in fields.items() if key not in _ABOUT}
    about = content.get("checkpoint") or {}
    return Preset(Path(name).stem, tuple(content.get("models", ())), str(content.get("source", "")), fields, about)
