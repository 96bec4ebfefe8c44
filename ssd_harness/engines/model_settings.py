"""Read the settings files of a model folder: config.json, generation_config.json, chat template."""

from pathlib import Path
from typing import Any

from ssd_harness import foreign_json

_LONGEST = 1 << 22
"""The most bytes of a settings file that are read; chat templates have a few kilobytes."""


def chat_template(folder: Path) -> str | None:
    """Return the chat template of a model folder as text, if it has one."""
    text = _read_text(folder / "chat_template.jinja")
    if text is not None:
        return text
    template = read_settings(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(template, list):
        template = next(
            (one.get("template") for one in template if isinstance(one, dict) and one.get("name") == "default"), None
        )
    return template if isinstance(template, str) else None


def _read_text(path: Path) -> str | None:
    try:
        return foreign_json.read_bytes(path, longest=_LONGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def read_settings(path: Path) -> dict[str, Any]:
    """Return the JSON object in a model's settings file; empty if there is none."""
    try:
        content = foreign_json.parse(_read_text(path) or "{}")
    except foreign_json.JsonError:
        return {}
    return content if isinstance(content, dict) else {}
