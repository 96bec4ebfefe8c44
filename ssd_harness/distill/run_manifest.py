"""Build a run's plan file and a checkpoint's manifest, which record how the checkpoint is made."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ssd_harness import provenance
from ssd_harness.artifacts import shards
from ssd_harness.artifacts.layout import ARTIFACTS, KEPT, SAMPLES
from ssd_harness.artifacts.registry import Checkpoint
from ssd_harness.distill.plan import Plan, Round
from ssd_harness.prompts import prompt_style
from ssd_harness.prompts.overlap import livecodebench
from ssd_harness.prompts.overlap.lineage import MANIFEST_KEY
from ssd_harness.prompts.prompt_set import PromptSet


def description(plan: Plan, round_: Round, previous: Checkpoint | None) -> dict[str, Any]:
    """Return the manifest entries that are known before a round; ``previous`` is the last round's checkpoint."""
    style = plan.style.record()
    if plan.evaluation_differs:
        style["evaluation_differs"] = plan.evaluation_differs
    return {
        "fingerprint": round_.fingerprint,
        "parent": previous.fingerprint if previous else plan.base.parent,
        "base": {"name": plan.base.name, "revision": plan.base.revision, "weights": plan.base.weights},
        "tokenizer": plan.base.tokenizer,
        "variant": plan.variant,
        "recipe": asdict(round_.recipe),
        "origins": dict(plan.resolved.origins),
        prompt_style.MANIFEST_KEY: style,
        "prompts": _prompts(plan),
        "parts": dict(plan.parts),
        ARTIFACTS: {SAMPLES: round_.samples_identity, KEPT: round_.kept_identity},
    }


def manifest(plan: Plan, round_: Round, previous: Checkpoint | None, model: Path) -> dict[str, Any]:
    """Return the manifest of a finished round's checkpoint in the folder ``model``, and store its lineage there."""
    folders = {"sample": round_.samples, "filter": round_.kept, "train": round_.training}
    stages: Mapping[str, Any] = {name: shards.read_manifest(folder) for name, folder in folders.items()}
    return {
        **description(plan, round_, previous),
        "rounds": [*(previous.manifest["rounds"] if previous else ()), stages],
        "software": provenance.collect(),
        MANIFEST_KEY: plan.lineage().store(model),
    }


def _prompts(plan: Plan) -> dict[str, Any]:
    prompts = plan.prompts
    about: dict[str, Any] = {
        "source": plan.recipe.prompts,
        "sha256": prompts.sha256,
        "count": prompts.count,
        "duplicates": prompts.duplicates,
        "excluded": prompts.excluded,
        "in_style": prompts.in_style,
        "overlap": _overlap(prompts),
    }
    if prompts.published is not None:
        equal = prompts.published == prompts.different
        about["published"] = {"count": prompts.published, "found": prompts.different, "equal": equal}
    if prompts.notes:
        about["notes"] = list(prompts.notes)
    return about


def _overlap(prompts: PromptSet) -> dict[str, Any]:
    return {
        "with": "LiveCodeBench",
        "statements": livecodebench.shipped().statements,
        "left_out": 0 if prompts.overlap_kept else prompts.overlapping,
        "kept": prompts.overlapping if prompts.overlap_kept else 0,
        "prompts": [dict(zip(("prompt", "problem", "score"), overlap, strict=True)) for overlap in prompts.overlaps],
    }
