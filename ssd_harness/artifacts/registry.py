"""Registered checkpoints: a folder a name, which holds the model's files and a manifest about where they came from."""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness import foreign_json, schema, storage
from ssd_harness.artifacts.checkpoint_manifest import read_manifest
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.home import home

PREFIX = "ssd:"
"""``pretrained=ssd:NAME`` means a registered checkpoint."""

VERIFIED, PLAIN = "verified variant", "plain SSD"
"""``variant`` of a manifest: whether programs were run to choose what this checkpoint, or one before it, learnt."""

ELSEWHERE = "trained elsewhere"
"""``trained`` of an imported checkpoint's manifest."""

_MANIFEST = "ssd_manifest.json"
_LISTED = 10
"""As many names as a message lists."""
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
    def weights(self) -> str:
        """Name these very weights, by the manifest: made again elsewhere, one recipe trains to slightly other ones."""
        manifest = {key: value for key, value in self.manifest.items() if key not in {"name", schema.KEY}}
        return f"manifest {hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()}"

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(status.st_size for status in _files(self.path))

    @property
    def own_bytes(self) -> int:
        """Size of the files that go with it when it is removed: another name may share them."""
        return _own_bytes(self.path)


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
    """Return all registered checkpoints by name; folders without a readable manifest are :func:`broken`."""
    return [checkpoint for checkpoint, _ in _folders() if checkpoint]


def broken() -> list[tuple[str, str]]:
    """Return name and complaint of each folder among the checkpoints that cannot be used."""
    return [(path.name, complaint) for checkpoint, (path, complaint) in _folders() if complaint]


def find(fingerprint: str) -> Checkpoint | None:
    """Return a whole checkpoint with this fingerprint, if there is one; one that lost files is named in the error.

    Of several names for it, the first that it got: that is the one that somebody chose for just this.
    """
    same = [checkpoint for checkpoint in checkpoints() if checkpoint.fingerprint == fingerprint]
    same.sort(key=lambda checkpoint: _age(checkpoint.path / _MANIFEST))
    whole = next((checkpoint for checkpoint in same if not missing_files(checkpoint)), None)
    if same and not whole:
        _require_whole(same[0])
    return whole


def missing_files(checkpoint: Checkpoint) -> list[str]:
    """Return the files that were there when the checkpoint was registered, and are gone or have another size."""
    return [
        name for name, size in checkpoint.manifest.get("files", {}).items() if _size(checkpoint.path / name) != size
    ]


def lookup(name: str) -> Checkpoint | None:
    """Return the checkpoint called ``name``, if there is one."""
    return _read(models_folder() / check_name(name) / _MANIFEST)


def at(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in ``folder``, wherever that is, if there is one."""
    return _read(folder / _MANIFEST)


def get(name: str) -> Checkpoint:
    """Return the checkpoint called ``name``, or say which there are, or what it has lost."""
    bare = name.removeprefix(PREFIX)
    checkpoint = lookup(bare)
    if checkpoint is None:
        if (models_folder() / bare).exists():
            raise _without_manifest(bare)
        names = [other.name for other in checkpoints()]
        known = ", ".join(names[:_LISTED]) or "none yet"
        more = f" and {len(names) - _LISTED} more (ssd-harness models list)" if len(names) > _LISTED else ""
        raise UsageError(f"no checkpoint is called {bare!r}", next_step=f"registered: {known}{more}")
    _require_whole(checkpoint)
    return checkpoint


def check_free(name: str, fingerprint: str) -> None:
    """Refuse ``name`` if another recipe's checkpoint has it, or a folder that is no checkpoint."""
    holder = lookup(name)
    if holder and holder.fingerprint != fingerprint:
        raise UsageError(
            f"the name {name!r} belongs to a checkpoint of another recipe ({holder.fingerprint[:8]})",
            next_step=f"choose another name= or run: ssd-harness models remove {name}",
        )
    if holder is None and (models_folder() / name).exists():
        raise _without_manifest(name)


def register(name: str, folder: Path, manifest: Mapping[str, Any]) -> Checkpoint:
    """Move the finished model ``folder`` to its name in one step; it is there as a whole or not at all."""
    target = models_folder() / check_name(name)
    with _locked():
        storage.sweep(models_folder())
        check_free(name, manifest["fingerprint"])
        if target.exists():
            return get(name)  # somebody else has just made the same
        files = {
            file.relative_to(folder).as_posix(): file.stat().st_size
            for file in sorted(folder.rglob("*"))
            if file.is_file() and file.name != _MANIFEST
        }
        storage.settle(folder)
        storage.write_json(folder / _MANIFEST, {schema.KEY: schema.MANIFEST, **manifest, "name": name, "files": files})
        storage.move_folder(folder, target)
    return get(name)


def also_as(checkpoint: Checkpoint, name: str, manifest: Mapping[str, Any] | None = None) -> Checkpoint:
    """Give a checkpoint one more name, and there its own ``manifest``; both share their files until one is removed."""
    if name == checkpoint.name:
        return checkpoint
    manifest = manifest or checkpoint.manifest
    check_free(name, manifest["fingerprint"])
    if known := lookup(name):
        return known
    with storage.scratch_folder(models_folder() / f".{name}.{os.getpid()}") as scratch:
        with storage.disk_errors(scratch):
            shutil.copytree(
                checkpoint.path,
                scratch,
                copy_function=link_or_copy,
                ignore=lambda *_: [_MANIFEST],
                dirs_exist_ok=True,
            )
        return register(name, scratch, manifest)


def rename(old: str, new: str) -> Checkpoint:
    """Rename a checkpoint; those made from it go on knowing it, by its fingerprint."""
    with _locked():
        checkpoint = get(old)
        target = models_folder() / check_name(new)
        if target.exists():
            raise UsageError(f"a checkpoint is called {new!r} already", next_step="choose another name")
        with storage.disk_errors(target):
            checkpoint.path.rename(target)
        storage.write_json(target / _MANIFEST, {**checkpoint.manifest, "name": new})
    return get(new)


def children(checkpoint: Checkpoint) -> list[str]:
    """Return what would lose its origin with ``checkpoint``: names of checkpoints, and of runs that are under way.

    Nothing does while another name stands for the same checkpoint.
    """
    others = [other for other in checkpoints() if other.name != checkpoint.name]
    if any(other.fingerprint == checkpoint.fingerprint for other in others):
        return []
    made = [other.name for other in others if other.manifest.get("parent") == checkpoint.fingerprint]
    finished = {other.fingerprint[:16] for other in others}
    begun = set()
    for job in home().glob("runs/*/round-*/*/job.json"):
        run = job.parents[2].name
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if run not in finished and foreign_json.read(job)["model"] == str(checkpoint.path):
                begun.add(f"the unfinished run {run}")
    return made + sorted(begun)


def remove(name: str, *, force: bool = False) -> int:
    """Remove a checkpoint and return how many bytes that frees; one that others were made from needs ``force``.

    Where its folder is a link to another place, the link is removed and the files there stay.
    """
    with _locked():
        path = models_folder() / check_name(name)
        if not (path.exists() or path.is_symlink()):
            get(name)  # says which there are
        checkpoint = None if force else lookup(name)
        if checkpoint is None and not force:
            raise _without_manifest(name)
        if checkpoint and (made := children(checkpoint)):
            raise UsageError(
                f"{name!r} is what {', '.join(made)} was made from",
                next_step="remove those first, or add --force (checkpoints stay usable, their history does not)",
            )
        if path.is_symlink():
            with storage.disk_errors(path):
                path.unlink()
            return 0
        size = _own_bytes(path)
        grave = models_folder() / f".removed-{name}-{os.getpid()}"
        with storage.disk_errors(path), storage.held(path):
            path.rename(grave)
            shutil.rmtree(grave)
        storage.sweep(models_folder())
    return size


def _folders() -> Iterator[tuple[Checkpoint | None, tuple[Path, str]]]:
    """Yield each folder's checkpoint if it has a manifest, its path, and what is wrong with it."""
    try:
        entries = sorted(path for path in models_folder().iterdir() if not path.name.startswith(".") and path.is_dir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise InfrastructureError(f"cannot read the checkpoints: {error.strerror}", where=models_folder()) from error
    for path in entries:
        try:
            checkpoint = _read(path / _MANIFEST)
        except InfrastructureError as error:
            yield None, (path, error.what)
            continue
        lost = missing_files(checkpoint) if checkpoint else []
        complaint = f"lost {', '.join(lost[:3])}" if lost else "" if checkpoint else "lost its manifest"
        yield checkpoint, (path, complaint)


def _locked() -> contextlib.AbstractContextManager[int]:
    """Let one process at a time change names."""
    return storage.locked(models_folder() / ".lock")


def _require_whole(checkpoint: Checkpoint) -> None:
    if lost := missing_files(checkpoint):
        raise InfrastructureError(
            f"the checkpoint {checkpoint.name!r} has lost {', '.join(lost[:3])}",
            where=checkpoint.path,
            next_step=f"put it back, or run: ssd-harness models remove {checkpoint.name}, and make it again",
        )


def _without_manifest(name: str) -> InfrastructureError:
    return InfrastructureError(
        f"the folder of the checkpoint {name!r} has lost its manifest, so nothing says what it is",
        where=models_folder() / name,
        next_step=f"put {_MANIFEST} back, or run: ssd-harness models remove {name} --force",
    )


def _files(folder: Path) -> Iterator[os.stat_result]:
    return (file.stat() for file in folder.rglob("*") if file.is_file())


def _own_bytes(folder: Path) -> int:
    return 0 if folder.is_symlink() else sum(status.st_size for status in _files(folder) if status.st_nlink == 1)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):  # a manifest of somebody else's may name what no file can be called
        return -1


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # removed meanwhile
        return -1


def _read(path: Path) -> Checkpoint | None:
    try:
        manifest = read_manifest(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Checkpoint(path.parent.name, path.parent, manifest)


def link_or_copy(source: str, target: str) -> None:
    """Link a file where the file system allows it, else copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
