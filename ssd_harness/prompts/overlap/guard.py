"""Refuse to evaluate a model on problems that its training prompts give away."""

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
    """Return what every result says about the overlap of ``task``'s problems with the prompts of ``lineage``.

    Raises :class:`UsageError`, naming the prompts, if there is any and it is not ``allowed``; all of it is listed in a
    file below the state folder, with the ids of all prompts to leave out so that nothing overlaps.
    """
    about: dict[str, Any] = {"allow_overlap": True} if allowed or lineage.kept else {}
    if lineage.kept:
        about["trained_on_overlap"] = lineage.kept
    if not lineage.sketches:
        return {**about, "result": UNKNOWN if lineage.unknown else NO_PROMPTS}
    if not problems:
        return {**about, "result": NO_TEXT}
    found = search(lineage.sketches, problems)
    about["problems"] = len(problems)
    if lineage.unknown:
        about["unknown"] = list(lineage.unknown)
    if not found:
        return {**about, "result": UNKNOWN if lineage.unknown else "none"}
    prompts = list(dict.fromkeys(overlap.prompt for overlap in found))
    touched = {overlap.problem for overlap in found}
    said = f"{_count(prompts, 'prompt')} {'overlap' if len(prompts) > 1 else 'overlaps'} {_count(touched, 'problem')}"
    listing = _write(task, found, _all_to_leave_out(lineage, problems, prompts))
    if not allowed:
        raise UsageError(
            f"{said} of {task}: {_shown(found)}",
            where=listing,
            next_step=f"leave these prompts out with exclude_prompts={listing}, or say {ALLOWED} in --model_args "
            "(for a stock model in --metadata), which every result then carries",
        )
    listed = [asdict(overlap) for overlap in sorted(found, key=_strength, reverse=True)[:_SHOWN]]
    return {**about, "result": f"{ALLOWED}: {said}", "prompts": len(prompts), "overlaps": listed, "all": str(listing)}


def _all_to_leave_out(lineage: Lineage, problems: Sequence[EvaluatedText], first: Sequence[str]) -> list[str]:
    """Return ids without which nothing overlaps; by the first rule, what five prompts held four may hold then."""
    out = dict.fromkeys(first)
    while more := search(lineage.sketches, problems, without=out.keys()):
        out |= dict.fromkeys(overlap.prompt for overlap in more)
    return list(out)


def _write(task: str, found: Sequence[Overlap], leave_out: Sequence[str]) -> Path:
    rows = [asdict(overlap) for overlap in found]
    digest = hashlib.sha256(repr((task, rows)).encode("utf-8", "surrogatepass")).hexdigest()
    path = home() / "overlap" / f"{digest[:16]}.json"
    storage.write_json(path, {"task": task, "leave_out": list(leave_out), "overlaps": rows})
    return path


def _shown(found: Sequence[Overlap]) -> str:
    """Name the prompts, each with the problem it shares most with; ids come from data, so they are shown escaped."""
    nearest: dict[str, Overlap] = {}
    for overlap in sorted(found, key=_strength, reverse=True):
        nearest.setdefault(overlap.prompt, overlap)
    parts = [f"{one.prompt!a} {_relation(one)}" for one in list(nearest.values())[:_SHOWN]]
    return "; ".join([*parts, f"and {len(nearest) - _SHOWN} more"] if len(nearest) > _SHOWN else parts)


def _relation(overlap: Overlap) -> str:
    if overlap.equal:
        return f"equals {overlap.problem!a}"
    return f"holds {overlap.share:.0%} of {overlap.problem!a}, first {overlap.words!a}"


def _strength(overlap: Overlap) -> tuple[bool, float]:
    return overlap.equal, overlap.share


def _count(things: Iterable[Any], noun: str) -> str:
    number = len(list(things))
    return f"{number:,} {noun}{'s' if number != 1 else ''}"
