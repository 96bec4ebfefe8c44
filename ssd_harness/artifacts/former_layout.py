"""The layout of earlier versions, where each run kept its own samples in ``runs/``: recognise it, and move it over.

Checkpoints of that layout, folders in ``models/``, are usable as they are; :func:`migrate` moves them as well.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.artifacts import registry, shards
from ssd_harness.artifacts.layout import (
    ARTIFACTS,
    KEPT,
    PLAN_FILE,
    SAMPLES,
    kept_folder,
    kept_identity,
    samples_folder,
    training_folder,
)
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.home import home

_UNREADABLE = (OSError, ValueError, RecursionError)


def refuse() -> None:
    """Raise :class:`UsageError` where runs of the former layout are left, rather than draw their samples again."""
    if _runs():
        raise UsageError(
            "the state folder holds runs in the layout of an earlier version",
            where=_folder(),
            next_step="run: ssd-harness cache migrate (or remove that folder, or set SSD_HARNESS_HOME to another one)",
        )


def migrate() -> Iterator[str]:
    """Move samples, training states and checkpoints to their present folders; yield a line for each.

    After a kill, each artifact is in its old or its new folder, and the next call moves the remaining ones. A run that
    does not record the identity of its samples was made before samples were shared. It is not moved, and its line says
    so.
    """
    for run in _runs():
        with storage.locked_if_free([run / "lock"]) as free:
            if not free:
                raise InfrastructureError("a run is in use", where=run, next_step="wait for it, then migrate again")
            yield _migrate_run(run)
    if _folder().is_dir() and not _runs():
        with storage.disk_errors(_folder()):
            shutil.rmtree(_folder())  # locks of samples
    registry.restore_names()
    for checkpoint in registry.checkpoints():
        if not checkpoint.path.is_symlink() and not registry.missing_files(checkpoint):
            registry.move_to_place(checkpoint)
            yield f"models/{checkpoint.name}: now a name of {checkpoint.path.resolve().relative_to(home().resolve())}"


def _migrate_run(run: Path) -> str:
    rounds = sorted(run.glob("round-*"))
    about = _read(run / "run.json")
    identity = _samples_identity(rounds[-1] / "sample") or _moved_identity(run)
    if identity is None:
        return f"runs/{run.name}: left, nothing says what its samples are; remove it by hand"
    filter_, parts = (about.get("recipe") or {}).get("filter"), about.get("parts") or {}
    plugin_parts = [parts["filter"], about["fingerprint"]] if "filter" in parts else []
    kept_hash = kept_identity(identity, str(filter_), *plugin_parts)
    last, samples, kept = rounds[-1], samples_folder(identity), kept_folder(kept_hash)
    training = training_folder(run.name)
    moved = [training] if not training.exists() and _move(last / "train", training) else []
    if about:
        plan = {**about, ARTIFACTS: {SAMPLES: identity, KEPT: kept_hash}}
        storage.write_json(training / PLAN_FILE, plan)
    moved += [kept] if _move(last / "filter", kept) else []
    if job := _read(kept / "job.json"):
        storage.write_json(kept / "job.json", {**job, "samples": str(samples)})
    moved += [samples] if _move(last / "sample", samples) else []  # last, because it identifies the other folders
    with storage.disk_errors(run):
        shutil.rmtree(run)
    places = ", ".join(str(target.relative_to(home())) for target in moved)
    return f"runs/{run.name}: moved to {places}" if moved else f"runs/{run.name}: removed, all of it is there already"


def _move(source: Path, target: Path) -> bool:
    """Move a stage's folder; if the target exists, move only the files that it lacks, the manifest last."""
    if not source.is_dir():
        return False
    if not target.exists():
        storage.move_folder(source, target)
        return True
    lacking = [file for file in source.iterdir() if file.is_file() and not (target / file.name).exists()]
    with storage.disk_errors(target):
        for file in sorted(lacking, key=lambda file: file.name == shards.MANIFEST_FILE):
            file.rename(target / file.name)
    return bool(lacking)


def _samples_identity(stage: Path) -> str | None:
    for file in ("manifest.json", "job.json"):
        identity = _read(stage / file).get("identity")
        if isinstance(identity, str) and len(identity) == 64:
            return identity
    return None


def _moved_identity(run: Path) -> str | None:
    """Return the identity of the samples of a run that a kill has interrupted after they were moved."""
    artifacts = _read(training_folder(run.name) / PLAN_FILE).get(ARTIFACTS) or {}
    return artifacts.get(SAMPLES)


def _runs() -> list[Path]:
    return sorted({path.parent for path in _folder().glob("[!.]*/round-*")})


def _folder() -> Path:
    return home() / "runs"


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except _UNREADABLE:
        return {}
    return content if isinstance(content, dict) else {}
