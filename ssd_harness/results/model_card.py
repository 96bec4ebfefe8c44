"""The model card of a checkpoint: how it was made, how to decode from it, and its provenance."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ssd_harness.artifacts import registry
from ssd_harness.artifacts.registry import Checkpoint
from ssd_harness.recipe.definition import FIELDS
from ssd_harness.tables import markdown_table, markdown_text

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_LISTED = 100
"""The most overlaps that the card lists."""
_TEXTS = {"stdin", "functional", "system", "system_message", "prompt_template"}
"""Entries of a manifest that are text, and never paths."""
_TAGS = ["simple-self-distillation", "ssd-harness"]


def model_card(checkpoint: Checkpoint, *, licence: str | None = None) -> str:
    """Return the README.md of a checkpoint, with the Hub's metadata at the top. It names no folder of this machine."""
    from huggingface_hub import ModelCardData

    manifest = public(checkpoint.manifest)
    base = str(manifest["base"]["name"])
    verified = manifest.get("variant") == registry.VERIFIED
    data = ModelCardData(
        base_model=base if _HUB_ID.fullmatch(base) else None,
        license=licence,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=[*_TAGS, *(["verified-variant"] if verified else [])],
    )
    parts = [f"---\n{data.to_yaml()}\n---\n", f"# {checkpoint.name}\n", _making(manifest, base)]
    if verified:
        parts.append(
            f"**This is a {registry.VERIFIED}**: programs were run to choose what it, or a checkpoint that it was made "
            "from, was trained on. Simple self-distillation as published does not do that.\n"
        )
    recipe = manifest.get("recipe") or {}
    for title, side in (("How it was made", "train"), ("How to decode from it", "eval")):
        names = [name for name, field in FIELDS.items() if field.metadata["side"] == side and name in recipe]
        names = [name for name in names if not name.endswith("_base")]  # of another model
        if rows := [(name, _shown(recipe[name])) for name in names]:
            parts.append(f"## {title}\n\n{markdown_table(['field', 'value'], rows)}\n")
    parts += _overlap(manifest)
    parts.append(f"## Provenance\n\n{_facts(manifest, checkpoint)}")
    return "\n".join(parts)


def public(value: Any) -> Any:
    """Return a manifest without folders of this machine: only the last part of a path stays."""
    if isinstance(value, Mapping):
        return {key: item if key in _TEXTS and isinstance(item, str) else public(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [public(item) for item in value]
    if isinstance(value, str) and (value.startswith(("/", "~", "./", "../")) or re.match(r"[A-Za-z]:\\", value)):
        return PurePath(value).name
    if isinstance(value, str) and value.startswith("file:"):
        return f"file:{PurePath(value.removeprefix('file:')).name}"
    return value


def _making(manifest: Mapping[str, Any], base: str) -> str:
    if manifest.get("trained") == registry.ELSEWHERE:
        return f"Trained elsewhere, from {markdown_text(base)}; registered with ssd-harness as it came.\n"
    rounds = len(manifest.get("rounds") or ())
    by_sequence = (manifest.get("recipe") or {}).get("loss_weighting") == "sequence"
    mean = "the mean of its sequences' means" if by_sequence else "the mean over its tokens"
    times = f", {rounds} rounds one after the other" if rounds > 1 else ""
    return (
        f"{markdown_text(base)} after self-distillation{times}: samples were drawn from the frozen model, and the same "
        f"model was fine-tuned on them with plain cross-entropy, each step's loss being {mean} "
        "([arXiv 2604.01193](https://arxiv.org/abs/2604.01193)).\n"
    )


def _overlap(manifest: Mapping[str, Any]) -> list[str]:
    """Return the section on prompts that overlap LiveCodeBench; empty if overlap was not checked."""
    overlap = (manifest.get("prompts") or {}).get("overlap")
    if not overlap:
        return []
    kept, left_out = overlap.get("kept") or 0, overlap.get("left_out") or 0
    problems = f"the {overlap.get('statements')} LiveCodeBench problems that ssd-harness knows"
    if not kept and not left_out:
        return [f"## Overlap with LiveCodeBench\n\nNo training prompt gives away one of {problems}.\n"]
    what = "were kept for training (allow_overlap=true)" if kept else "were left out"
    rows = [
        (markdown_text(pair.get("prompt")), markdown_text(pair.get("problem")), markdown_text(pair.get("score")))
        for pair in (overlap.get("prompts") or [])[:_LISTED]
    ]
    table = markdown_table(["prompt", "problem", "score"], rows)
    more = f"\nThe first {_LISTED} of them; all are in `ssd_manifest.json`.\n" if kept + left_out > _LISTED else ""
    summary = f"{kept or left_out:,} prompts that give away one of {problems} {what}."
    return [f"## Overlap with LiveCodeBench\n\n{summary}\n\n{table}\n{more}"]


def _facts(manifest: Mapping[str, Any], checkpoint: Checkpoint) -> str:
    base, prompts = manifest["base"], manifest.get("prompts") or {}
    facts = [
        ("fingerprint", manifest["fingerprint"]),
        ("base", base["name"]),
        ("base revision", base.get("revision")),
        ("base weights", base.get("weights")),
        ("tokenizer", manifest.get("tokenizer")),
        ("prompts", _of_prompts(prompts) if prompts else None),
        ("prompt style", _of_style(manifest.get("prompt_style") or {}, prompts)),
        ("its evaluation", (manifest.get("prompt_style") or {}).get("evaluation_differs")),
        ("size", f"{checkpoint.bytes / 1e9:.3f} GB"),
        ("made with", f"ssd-harness {(manifest.get('software') or {}).get('ssd_harness', 'of unknown version')}"),
    ]
    lines = [f"- {name}: {markdown_text(value)}\n" for name, value in facts if value is not None]
    return "".join(lines) + "\nThe whole manifest is in `ssd_manifest.json`.\n"


def _of_prompts(prompts: Mapping[str, Any]) -> str:
    return f"{prompts.get('count', '?')} from {prompts.get('source')}, sha256 {prompts.get('sha256')}"


def _of_style(style: Mapping[str, Any], prompts: Mapping[str, Any]) -> str | None:
    if not style:
        return None
    count = prompts.get("in_style")
    extent = f", {count} of {prompts.get('count', '?')} prompts in its words" if count is not None else ""
    return f"{style.get('name')}, sha256 {style.get('sha256')}{extent}"


def _shown(value: Any) -> str:
    return "none" if value is None else markdown_text(value)
