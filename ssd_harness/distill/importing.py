"""Register a checkpoint of another trainer: a model folder, or a LoRA adapter merged into its base."""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ssd_harness import prompt_styles, provenance, storage
from ssd_harness.artifacts import registry
from ssd_harness.artifacts.base_model import TEMPLATES, BaseModel, find_base, identity_of
from ssd_harness.artifacts.layout import models_folder
from ssd_harness.artifacts.registry import Checkpoint
from ssd_harness.distill.checkpoint_check import RECORD, Request, check
from ssd_harness.distill.exporting import Run
from ssd_harness.distill.plan import lineage_of
from ssd_harness.distill.training import check_checkpoint
from ssd_harness.engines.logits import LogitRecord
from ssd_harness.errors import InfrastructureError, SsdError, UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Trainer
from ssd_harness.foreign_json import JsonError, read
from ssd_harness.prompts import prompt_style
from ssd_harness.prompts.overlap.lineage import MANIFEST_KEY, Lineage, read_lineage
from ssd_harness.prompts.prompt_set import PromptSet
from ssd_harness.recipe.definition import FIELDS, coerce, side_of
from ssd_harness.recipe.resolution import resolve, without_run_side

_SETTINGS = {".json", ".jinja", ".txt", ".model", ".tiktoken", ".py"}
_FROM_BASE = (
    "tokenizer",
    "vocab",
    "merges",
    "special_tokens_map",
    "added_tokens",
    "chat_template",
    "generation_config",
)
_LEFT_OUT = {"trainer_state.json", "ssd_manifest.json", "adapter_config.json", "training_args.json"}
_TOKENIZERS = ("tokenizer.json", "*.model", "vocab*", "*.tiktoken")
_UNKNOWN = "unknown"


def import_checkpoint(
    source: Path,
    name: str,
    *,
    base: str | None = None,
    run: Run | None = None,
    fields: Mapping[str, Any] | None = None,
    link: bool = False,
) -> Checkpoint:
    """Check the model in ``source``, copy or ``link`` it, and register it as trained elsewhere.

    If the folder has a manifest of this package, its prompts and its variant are kept. ``base`` names the base model;
    it is needed for an adapter whose configuration does not name one. ``run`` is the run whose samples it was trained
    on. ``fields`` are the known fields of its recipe, mainly its decoding. Raises :class:`SsdError`, one line, and
    registers nothing, if transformers cannot load the model or its weights are not finite.
    """
    registry.check_name(name)
    fields = {field: coerce(field, value) for field, value in (fields or {}).items()}
    if running := [field for field in fields if side_of(field) == "run"]:
        what = f"{running[0]} says how to run, which a checkpoint does not keep"
        raise UsageError(what, next_step=f"give {running[0]}= to the command that evaluates or trains it")
    if not source.is_dir():
        raise UsageError("no such model folder", where=source)
    source = source.resolve()
    _check_files(source)
    own = registry.at(source)
    recipe = _recipe_of(own, run, fields)
    style = _style_of(own, run, fields)
    adapter = (source / "adapter_config.json").is_file()
    origin = _base_of(source, base, run, adapter=adapter)
    with storage.scratch_folder(models_folder() / f".import-{name}-{os.getpid()}") as scratch:
        record = scratch / RECORD
        with storage.disk_errors(scratch):
            if adapter:
                assert origin
                _adapter_merger(fields)(origin.folder(), source, scratch).write(record)
            else:
                _take(source, scratch, link=link)
            if origin:
                _complete(scratch, origin.folder().resolve())
        checked = _check(scratch, origin, record if adapter else None)
        manifest = _manifest(scratch, origin, run, recipe, own, adapter=adapter) | {"checked": checked, **style}
        existing = registry.lookup(name)
        if (
            existing
            and existing.fingerprint == manifest["fingerprint"]
            and existing.manifest["recipe"] != manifest["recipe"]
        ):
            raise UsageError(
                f"{name!r} is this very checkpoint, registered with other fields",
                next_step=f"choose another --name, or run: ssd-harness models remove {name}",
            )
        lineage = _lineage(origin, run, name, own)
        manifest[MANIFEST_KEY] = lineage.store(scratch)
        return registry.register(name, scratch, manifest)


def _adapter_merger(fields: Mapping[str, Any]) -> Callable[[Path, Path, Path], LogitRecord]:
    """Return what merges an adapter: the method of the trainer that is given, else of the default one."""
    trainer = plugin_manager.lookup(Trainer, str(fields.get("trainer", FIELDS["trainer"].default)))
    if trainer.merge_adapter is None:
        raise UsageError(
            f"the trainer {trainer.name!r} cannot merge an adapter",
            next_step="merge it yourself, then import the model",
        )
    return trainer.merge_adapter


def _recipe_of(own: Checkpoint | None, run: Run | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known fields of the recipe. Raises :class:`UsageError` for values that no later command could read."""
    recorded = dict(run.about.get("recipe", {})) if run else dict(own.manifest.get("recipe", {})) if own else {}
    recorded = without_run_side(recorded)
    resolve(registry.PREFIX, fields, inherited=("the run's recipe", recorded))
    return {**recorded, **fields}


def _style_of(own: Checkpoint | None, run: Run | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest's entry about the prompt style: the given one, else the run's, else its own."""
    if fields.get("prompt_style") is not None:
        return {prompt_style.MANIFEST_KEY: prompt_styles.load(str(fields["prompt_style"])).record()}
    record = (run.about if run else own.manifest if own else {}).get(prompt_style.MANIFEST_KEY)
    return {prompt_style.MANIFEST_KEY: record} if record else {}


def _base_of(source: Path, base: str | None, run: Run | None, *, adapter: bool) -> BaseModel | None:
    name = base or ((run.about.get("base") or {}).get("name") if run else None)
    if name is None and adapter:
        try:
            name = read(source / "adapter_config.json")["base_model_name_or_path"]
        except (OSError, JsonError, KeyError, TypeError) as error:
            raise UsageError(
                "the adapter does not say what it is for", where=source, next_step="give --base"
            ) from error
    try:
        return find_base(str(name)) if name else None
    except SsdError as error:
        raise UsageError(f"the base of this checkpoint: {error.what}", where=name, next_step="give --base") from error


def _check_files(source: Path) -> None:
    """Raise :class:`UsageError` for anything in ``source`` that is not a folder or a file inside ``source``."""
    for entry in sorted(source.iterdir()):
        if entry.is_symlink() or not entry.is_dir():
            _check_inside(entry, source)


def _check_inside(entry: Path, folder: Path) -> None:
    """Refuse a link that leads out of ``folder``: a private file of this user could become part of a shared model.

    Links from a snapshot of the Hub's cache to its blobs are allowed.
    """
    try:
        target = entry.resolve(strict=True)
        mode = target.stat().st_mode
    except (OSError, RuntimeError) as error:  # a broken link, or a cycle
        raise UsageError("a link that leads nowhere", where=entry, next_step="remove it") from error
    in_cache = folder.parent.name == "snapshots" and target.parent == folder.parent.parent / "blobs"
    if not (target.is_relative_to(folder) or in_cache):
        what = f"a link that leads out of the folder, to {target}"
        raise UsageError(what, where=entry, next_step="put the file itself there, or remove the link")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError("neither a file nor a folder", where=entry, next_step="remove it")


def _take(source: Path, scratch: Path, *, link: bool) -> None:
    """Copy weights and settings; leave optimiser states and pickled files out."""
    if not (source / "config.json").is_file():
        raise UsageError(
            "not a model of transformers: there is no config.json",
            where=source,
            next_step="convert it to that format first (Megatron brings a converter), or give the adapter's folder",
        )
    weights = sorted(file for file in source.glob("*.safetensors") if file.is_file())
    if not weights:
        names = ", ".join(sorted(file.name for file in source.glob("*.bin"))[:3])
        pickled = f", only {names}, which could run code when loaded" if names else ""
        raise UsageError(
            f"there are no weights in safetensors{pickled}",
            where=source,
            next_step="save the model with save_pretrained() first",
        )
    for file in weights:
        put = storage.link_or_copy if link else shutil.copy2
        put(str(file.resolve()), str(scratch / file.name))
    for file in sorted(source.iterdir()):
        if file.is_file() and file.suffix in _SETTINGS and file.name not in _LEFT_OUT:
            shutil.copy2(file, scratch / file.name)
    _take_templates(source, scratch)


def _take_templates(source: Path, scratch: Path) -> None:
    """Copy the model's additional chat templates."""
    if not (source / TEMPLATES).is_dir() or (scratch / TEMPLATES).exists():
        return
    (scratch / TEMPLATES).mkdir()
    for file in sorted((source / TEMPLATES).glob("*.jinja")):
        _check_inside(file, source)
        shutil.copy2(file, scratch / TEMPLATES)


def _complete(scratch: Path, base: Path) -> None:
    """Copy tokenizer and generation settings from the base model if the trainer did not save them."""
    tokenizer = any(file for pattern in _TOKENIZERS for file in scratch.glob(pattern))
    settings = (scratch / "generation_config.json").exists()
    if not tokenizer:
        _take_templates(base, scratch)
    for file in sorted(base.iterdir()):
        lacking = not settings if file.name == "generation_config.json" else not tokenizer
        if file.is_file() and file.name.startswith(_FROM_BASE) and lacking and not (scratch / file.name).exists():
            _check_inside(file, base)
            shutil.copy2(file, scratch / file.name)


def _check(folder: Path, base: BaseModel | None, record: Path | None) -> dict[str, Any]:
    """Require that the tokenizer and all weights load and are finite; return the manifest's entry on this check.

    ``record`` has the logits of a model that was merged here; the file is removed.
    """
    from transformers.utils import logging

    from ssd_harness.engines import loading

    logging.disable_progress_bar()  # no progress bar for a check
    if not any(file for pattern in _TOKENIZERS for file in folder.glob(pattern)):
        raise UsageError("the checkpoint has no tokenizer", where=folder, next_step="give --base, to take its own")
    tokenizer = loading.load_tokenizer(folder)
    loading.stop_ids(folder, tokenizer)
    try:
        check_checkpoint(folder)
    except SsdError:
        raise
    except Exception as error:  # safetensors raises its own type
        raise InfrastructureError(f"the weights cannot be read: {error}", where=folder) from error
    checked = check(Request(str(folder), str(base.folder()) if base else None, str(record) if record else None))
    if record:
        record.unlink()
    return checked


def _manifest(
    folder: Path,
    base: BaseModel | None,
    run: Run | None,
    recipe: Mapping[str, Any],
    own: Checkpoint | None,
    *,
    adapter: bool,
) -> dict[str, Any]:
    weights, tokenizer = identity_of(folder)
    about = run.about if run else {}
    parent = registry.at(base.records()) if base else None
    sources = [checkpoint for checkpoint in (parent, own) if checkpoint]
    verified = about.get("variant") == registry.VERIFIED or any(checkpoint.verified for checkpoint in sources)
    identity = json.dumps([registry.ELSEWHERE, weights, tokenizer])
    origin = {"name": base.name, "revision": base.revision, "weights": base.weights} if base else {"name": _UNKNOWN}
    if own and not base:  # made by this package on another machine
        origin = {**origin, **own.manifest["base"]}
    return {
        "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
        "trained": registry.ELSEWHERE,
        "base": origin,
        "weights": weights,
        "tokenizer": tokenizer,
        "parent": base.parent if base else None,
        "variant": registry.VERIFIED if verified else None,
        "adapter": "merged" if adapter else None,
        "recipe": recipe,
        "samples": {"run": about["fingerprint"], "prompts": about.get("prompts")} if run else None,
        "prompts": about.get("prompts"),
        "rounds": [],
        "software": provenance.collect(),
    }


def _lineage(base: BaseModel | None, run: Run | None, name: str, own: Checkpoint | None) -> Lineage:
    """Return the known training prompts; those of another tool's training are unknown."""
    before = lineage_of(base) if base else Lineage()
    if own:
        before = read_lineage(own.name, own.path, own.manifest) + before
    if run is None:
        return Lineage(unknown=(name,)) + before
    prompts = PromptSet(run.job.prompts, str((run.about.get("prompts") or {}).get("sha256")), run.job.prompt_count, 0)
    return Lineage((prompts.sketch(),)) + before
