"""Tell by a model's own files which preset is for it, whatever its folder is called."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssd_harness.engines.model_settings import chat_template, read_settings
from ssd_harness.errors import UsageError
from ssd_harness.recipe.presets import Preset, presets


def by_files(folder: Path) -> tuple[Preset | None, list[Preset]]:
    """Return the preset that is for the model in ``folder``, if that is sure, and all that may be.

    Architecture and sizes in config.json must be equal. Models that share them are told apart by whether the chat
    template opens a thought, by what stands in it, and by the decoding in generation_config.json; where these
    contradict each other or are missing, nothing is sure.
    """
    config = read_settings(folder / "config.json")
    template = chat_template(folder)
    generation = read_settings(folder / "generation_config.json")
    possible, sure = [], []
    for preset in presets().values():
        if not _fits(preset.checkpoint.get("config"), config):
            continue
        said = _evidence(preset, template, generation)
        if said == {False} or _another_template(preset, template):
            continue
        possible.append(preset)
        if said == {True} or not _asks(preset):
            sure.append(preset)
    return (sure[0] if len(sure) == len(possible) == 1 else None), possible


def ambiguous(pretrained: str, candidates: list[Preset]) -> UsageError:
    """Return the error that asks which of the presets is meant."""
    names = [preset.name for preset in candidates]
    return UsageError(
        f"by its config.json this may be {' or '.join(names)}, but chat template and generation_config.json do not say",
        where=pretrained,
        next_step=f"give recipe={' or recipe='.join(names)}, or recipe=none to go without",
    )


def thinks(template: str) -> bool | None:
    """Whether a template opens a thought in the assistant's turn; None for one that can be told to either way."""
    _, asked, ending = template.rpartition("add_generation_prompt")
    if not asked or "<think>" not in ending:
        return False
    return None if "</think>" in ending else True


def _asks(preset: Preset) -> bool:
    return bool(preset.checkpoint.get("template") or preset.checkpoint.get("generation"))


def _evidence(preset: Preset, template: str | None, generation: Mapping[str, Any]) -> set[bool]:
    """Return what speaks for the preset (True) and against it (False)."""
    said: set[bool] = set()
    wanted = preset.checkpoint.get("template")
    if wanted and template is not None:
        said.add(thinks(template) is wanted["thinks"])
    own = preset.checkpoint.get("generation")
    if own and generation.keys() >= own.keys():
        if _fits(own, generation):
            said.add(True)
        elif any(_fits(other.checkpoint.get("generation"), generation) for other in presets().values()):
            said.add(False)
    return said


def _another_template(preset: Preset, template: str | None) -> bool:
    wanted = preset.checkpoint.get("template") or {}
    if template is None:
        return False
    return wanted.get("has", "") not in template or ("lacks" in wanted and wanted["lacks"] in template)


def _fits(wanted: Mapping[str, Any] | None, found: Mapping[str, Any]) -> bool:
    return bool(wanted) and all(found.get(name) == value for name, value in (wanted or {}).items())
