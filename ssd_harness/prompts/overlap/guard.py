"""Refuse to evaluate a model on problems that overlap its training prompts."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.errors import UsageError
from ssd_harness.home import home
from ssd_harness.prompts.overlap.lineage import Lineage
from ssd_harness.prompts.overlap.search import EvaluatedText, Overlap, search

UNKNOWN = "prompts unknown: overlap not checked"
NO_TEXT = "no text known: overlap not checked"
NO_PROMPTS = "no prompts of ours: overlap not checked"
ALLOWED = "allow_overlap=true"
_SHOWN = 10


def guard(lineage: Lineage, task: str, problems: Sequence[EvaluatedText] | None, *, allowed: bool) -> dict[str, Any]:
    """Return the entry of every result about overlap between the problems of ``task`` and the prompts of ``lineage``.

    If there is overlap, write a file below the state folder that lists it, with the ids of all prompts to leave out.
    Raises :class:`UsageError` that names the prompts, unless overlap is ``allowed``.
    """
    about: dict[str, Any] = {"allow_overlap": True} if allowed or lineage.kept else {}
    if lineage.kept:
        about["trained_on_overlap"] = lineage.kept
    if not lineage.sketches:
        return {**about, "result": UNKNOWN if lineage.unknown else NO_PROMPTS}
    if not problems:
        return {**about, "result": NO_TEXT}
    overlaps = search(lineage.sketches, problems)
    about["problems"] = len(problems)
    if lineage.unknown:
        about["unknown"] = list(lineage.unknown)
    if not overlaps:
        return {**about, "result": UNKNOWN if lineage.unknown else "none"}
    prompts = list(dict.fromkeys(overlap.prompt for overlap in overlaps))
    touched = {overlap.problem for overlap in overlaps}
    counts = f"{_count(prompts, 'prompt')} {'overlap' if len(prompts) > 1 else 'overlaps'} {_count(touched, 'problem')}"
    listing = _write(task, overlaps, _all_to_leave_out(lineage, problems, prompts))
    if not allowed:
        raise UsageError(
            f"{counts} of {task}: {_shown(overlaps)}",
            where=listing,
            next_step=f"leave these prompts out with exclude_prompts={listing}, or give {ALLOWED} in --model_args "
            "(for other models in --metadata), which every result will mention",
        )
    listed = [asdict(overlap) for overlap in sorted(overlaps, key=_strength, reverse=True)[:_SHOWN]]
    return {**about, "result": f"{ALLOWED}: {counts}", "prompts": len(prompts), "overlaps": listed, "all": str(listing)}


def _all_to_leave_out(lineage: Lineage, problems: Sequence[EvaluatedText], first: Sequence[str]) -> list[str]:
    """Return all ids to leave out. By the first rule, leaving prompts out can make others overlap, so search again."""
    ids = dict.fromkeys(first)
    while more := search(lineage.sketches, problems, without=ids.keys()):
        ids |= dict.fromkeys(overlap.prompt for overlap in more)
    return list(ids)


def _write(task: str, overlaps: Sequence[Overlap], leave_out: Sequence[str]) -> Path:
    rows = [asdict(overlap) for overlap in overlaps]
    digest = hashlib.sha256(repr((task, rows)).encode("utf-8", "surrogatepass")).hexdigest()
    path = home() / "overlap" / f"{digest[:16]}.json"
    storage.write_json(path, {"task": task, "leave_out": list(leave_out), "overlaps": rows})
    return path


def _shown(overlaps: Sequence[Overlap]) -> str:
    """Name each prompt with the problem that it overlaps most. Ids come from data, so they are escaped."""
    nearest: dict[str, Overlap] = {}
    for overlap in sorted(overlaps, key=_strength, reverse=True):
        nearest.setdefault(overlap.prompt, overlap)
    parts = [f"{overlap.prompt!a} {_relation(overlap)}" for overlap in list(nearest.values())[:_SHOWN]]
    return "; ".join([*parts, f"and {len(nearest) - _SHOWN} more"] if len(nearest) > _SHOWN else parts)


def _relation(overlap: Overlap) -> str:
    if overlap.equal:
        return f"equals {overlap.problem!a}"
    return f"contains {overlap.share:.0%} of {overlap.problem!a}, starting at {overlap.words!a}"


def _strength(overlap: Overlap) -> tuple[bool, float]:
    return overlap.equal, overlap.share


def _count(things: Iterable[Any], noun: str) -> str:
    number = len(list(things))
    return f"{number:,} {noun}{'s' if number != 1 else ''}"
