"""The manifest of a checkpoint, as far as commands rely on its shape; it may come from anywhere, with its folder."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssd_harness import foreign_json
from ssd_harness.errors import InfrastructureError

_FINGERPRINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SCALAR = (str, int, float, bool)
_ANY = "*"
"""In a shape: every other key."""
_SHAPE: Mapping[str, Any] = {
    "fingerprint": str,
    "name": str,
    "base": {"name": str, "revision": str, "weights": str},
    "weights": str,
    "tokenizer": str,
    "parent": str,
    "variant": str,
    "trained": str,
    "adapter": str,
    "recipe": {_ANY: _SCALAR},
    "files": {_ANY: int},
    "prompts": {
        "source": str,
        "sha256": str,
        "count": int,
        "overlap": {"left_out": int, "kept": int, "prompts": [{"prompt": str, "problem": str, "score": (int, float)}]},
        "published": {"count": int, "found": int},
    },
    "prompt_style": {
        **dict.fromkeys(("name", "sha256", "stdin", "functional", "system", "evaluation_differs"), str),
        **dict.fromkeys(("chat", "exact"), bool),
    },
    "parts": {_ANY: str},
    "samples": {"run": str, "prompts": dict},
    "overlap": {"sketches": [{"file": str, "sha256": str}], "unknown": [str], "kept": int},
    "rounds": [{"train": {"adapter": str, "losses": [(int, float)]}, _ANY: dict}],
    "round_choice": {"task": str, "metric": str, "chosen": int, "rounds": list},
    "software": {"ssd_harness": str},
}
"""Kind of each field that is there and not null, and of every item of a list; other keys may hold anything."""
_NEEDED: Mapping[str, Any] = {"base": dict, "recipe": dict, "files": dict, "rounds": list}
"""What is read without looking twice, and is empty where it is missing."""


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest in ``path``.

    Raises FileNotFoundError or NotADirectoryError where there is none, and :class:`InfrastructureError` for one that
    cannot be read or has another shape.
    """
    next_step = f"put it back, or run: ssd-harness models remove {path.parent.name} --force"
    try:
        manifest = foreign_json.read(path, text_only=True)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        what = f"cannot read a checkpoint's manifest: {reason}"
        raise InfrastructureError(what, where=path, next_step=next_step) from error
    if reason := complaint(manifest):
        what = f"invalid checkpoint manifest: {reason}"
        raise InfrastructureError(what, where=path, next_step=next_step)
    whole = {name: kind() for name, kind in _NEEDED.items()} | manifest
    whole["base"] = {"name": "unknown", **whole["base"]}
    return whole


def complaint(manifest: Any) -> str:
    """Say what is wrong with a manifest's shape; empty if nothing is."""
    if not isinstance(manifest, Mapping):
        return "expected a JSON object"
    fingerprint = manifest.get("fingerprint")
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        return "fingerprint: expected letters, digits, dots, hyphens and underscores"
    missing = [name for name in _NEEDED if name in manifest and manifest[name] is None]
    return f"{missing[0]} is null" if missing else _complaint(manifest, _SHAPE, "")


def _complaint(value: Any, shape: Any, where: str) -> str:
    if value is None:
        return ""
    if isinstance(shape, Mapping):
        return _complaint_of_object(value, shape, where)
    if isinstance(shape, list):
        return _complaint_of_list(value, shape[0], where)
    kinds = shape if isinstance(shape, tuple) else (shape,)
    fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    return "" if fits else f"{where} is a {type(value).__name__}"


def _complaint_of_object(value: Any, shape: Mapping[str, Any], where: str) -> str:
    if not isinstance(value, Mapping):
        return f"{where}: expected an object"
    named = ((key, one, shape.get(key, shape.get(_ANY))) for key, one in value.items())
    inner = (_complaint(one, kind, f"{where}.{key}".lstrip(".")) for key, one, kind in named if kind)
    return next(filter(None, inner), "")


def _complaint_of_list(value: Any, shape: Any, where: str) -> str:
    if not isinstance(value, list):
        return f"{where}: expected a list"
    item = f"an item of {where}"
    return next(
        filter(None, (_complaint(one, shape, item) if one is not None else f"{item} is null" for one in value)), ""
    )
