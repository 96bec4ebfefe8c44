"""Registered checkpoints: a folder a name, which holds the model's files and a manifest about where they came from."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.home import home

PREFIX = "ssd:"
"""``pretrained=ssd:NAME`` means a registered checkpoint."""

VERIFIED, PLAIN = "verified variant", "plain SSD"
"""``variant`` of a manifest: whether programs were run to choose what this checkpoint, or one before it, learnt."""

_MANIFEST = "ssd_manifest.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One registered checkpoint; ``path`` is an ordinary model folder that any tool of transformers loads."""

    name: str
    path: Path
    manifest: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """What decides whether it can be reused."""
        return str(self.manifest["fingerprint"])

    @property
    def verified(self) -> bool:
        """Whether it is a verified variant, by its own making or an ancestor's."""
        return self.manifest.get("variant") == VERIFIED

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


def models_folder() -> Path:
    """Return the folder that holds one folder a checkpoint."""
    return home() / "models"


def check_name(name: str) -> str:
    """Return ``name`` if it can name a checkpoint."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a checkpoint", next_step="use letters, digits, dot, dash and underscore"
        )
    return name


def checkpoints() -> list[Checkpoint]:
    """Return all registered checkpoints by name."""
    found = (_read(path) for path in sorted(models_folder().glob(f"[!.]*/{_MANIFEST}")))
    return [checkpoint for checkpoint in found if checkpoint]


def find(fingerprint: str) -> Checkpoint | None:
    """Return a checkpoint with this fingerprint, if there is one."""
    return next((checkpoint for checkpoint in checkpoints() if checkpoint.fingerprint == fingerprint), None)


def lookup(name: str) -> Checkpoint | None:
    """Return the checkpoint called ``name``, if there is one."""
    return _read(models_folder() / check_name(name) / _MANIFEST)


def at(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in ``folder``, wherever that is, if there is one."""
    return _read(folder / _MANIFEST)


def get(name: str) -> Checkpoint:
    """Return the checkpoint called ``name``, or say which there are."""
    checkpoint = lookup(name.removeprefix(PREFIX))
    if checkpoint is None:
        known = ", ".join(other.name for other in checkpoints()) or "none yet"
        raise UsageError(f"no checkpoint is called {name.removeprefix(PREFIX)!r}", next_step=f"registered: {known}")
    return checkpoint


def check_free(name: str, fingerprint: str) -> None:
    """Refuse ``name`` if another recipe's checkpoint has it."""
    holder = lookup(name)
    if holder and holder.fingerprint != fingerprint:
        raise UsageError(
            f"the name {name!r} belongs to a checkpoint of another recipe ({holder.fingerprint[:8]})",
            next_step=f"choose another name= or run: ssd-harness models remove {name}",
        )


def register(name: str, folder: Path, manifest: Mapping[str, Any]) -> Checkpoint:
    """Move the finished model ``folder`` to its name in one step; it is there as a whole or not at all."""
    check_free(name, manifest["fingerprint"])
    target = models_folder() / check_name(name)
    storage.write_json(folder / _MANIFEST, {**manifest, "name": name})
    with storage.disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(target)
    return get(name)


def also_as(checkpoint: Checkpoint, name: str, manifest: Mapping[str, Any] | None = None) -> Checkpoint:
    """Give a checkpoint one more name, and there its own ``manifest``; both share their files until one is removed."""
    if name == checkpoint.name:
        return checkpoint
    manifest = manifest or checkpoint.manifest
    check_free(name, manifest["fingerprint"])
    if known := lookup(name):
        return known
    scratch = models_folder() / f".{name}.{os.getpid()}"
    with storage.disk_errors(scratch):
        shutil.copytree(checkpoint.path, scratch, copy_function=_link_or_copy, ignore=lambda *_: [_MANIFEST])
    return register(name, scratch, manifest)


def rename(old: str, new: str) -> Checkpoint:
    """Rename a checkpoint."""
    checkpoint = get(old)
    if lookup(new):
        raise UsageError(f"a checkpoint is called {new!r} already", next_step="choose another name")
    target = models_folder() / check_name(new)
    with storage.disk_errors(target):
        checkpoint.path.rename(target)
    return get(new)


def remove(name: str, *, force: bool = False) -> int:
    """Remove a checkpoint and return how many bytes its files had; one that others were made from needs ``force``."""
    checkpoint = get(name)
    same = [other for other in checkpoints() if other.fingerprint == checkpoint.fingerprint]
    children = [other.name for other in checkpoints() if other.manifest.get("parent") == checkpoint.fingerprint]
    if children and len(same) == 1 and not force:
        raise UsageError(
            f"{name!r} is what {', '.join(children)} was made from",
            next_step="remove those first, or add --force (they stay usable, their history does not)",
        )
    size = checkpoint.bytes
    grave = models_folder() / f".removed-{checkpoint.name}-{os.getpid()}"
    with storage.disk_errors(grave):
        checkpoint.path.rename(grave)
        shutil.rmtree(grave)
    return size


def _read(path: Path) -> Checkpoint | None:
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InfrastructureError(
            f"cannot read a checkpoint's manifest: {error}", where=path, next_step="remove that folder"
        ) from error
    return Checkpoint(path.parent.name, path.parent, manifest)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
