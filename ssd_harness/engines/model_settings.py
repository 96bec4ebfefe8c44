"""Read the settings files of a model folder, such as config.json."""

from pathlib import Path
from typing import Any

from ssd_harness import foreign_json

_LONGEST = 1 << 22
"""Longest settings file that is read, in bytes."""


def _read_text(path: Path) -> str | None:
    try:
        return foreign_json.read_bytes(path, longest=_LONGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def read_settings(path: Path) -> dict[str, Any]:
    """Return the JSON object in a settings file; empty if there is none."""
    try:
        content = foreign_json.parse(_read_text(path) or "{}")
    except foreign_json.JsonError:
        return {}
    return content if isinstance(content, dict) else {}
