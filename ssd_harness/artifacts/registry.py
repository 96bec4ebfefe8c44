"""Registered checkpoints: a folder per checkpoint, called by its fingerprint, and names that point to it."""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ssd_harness import foreign_json, schema, storage
from ssd_harness.artifacts.checkpoint import (
    ELSEWHERE,
    MANIFEST_FILE,
    PLAIN,
    VERIFIED,
    Checkpoint,
    missing_files,
    read_checkpoint,
)
from ssd_harness.artifacts.layout import (
    PLAN_FILE,
    checkpoint_folder,
    checkpoints_folder,
    models_folder,
    training_folders,
)
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.home import home

__all__ = ["ELSEWHERE", "PLAIN", "VERIFIED", "Checkpoint", "missing_files"]

PREFIX = "ssd:"
"""``pretrained=ssd:NAME`` means a registered checkpoint."""

_LISTED = 10
"""Most names that a message lists."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def check_name(name: str) -> str:
    """Return ``name`` if it can name a checkpoint."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a checkpoint", next_step="use letters, digits, dot, dash and underscore"
        )
    return name


def checkpoints() -> list[Checkpoint]:
    """Return all named checkpoints by name; those without a readable manifest are :func:`broken`."""
    return [checkpoint for checkpoint, _ in _names() if checkpoint]


def broken() -> list[tuple[str, str]]:
    """Return name and complaint of each checkpoint that cannot be used."""
    return [(path.name, complaint) for _, (path, complaint) in _names() if complaint]


def find(fingerprint: str) -> Checkpoint | None:
    """Return the checkpoint with this fingerprint if it exists and is whole; raise if it has lost files.

    Of several names, the oldest is returned: somebody chose that one for just this checkpoint.
    """
    same = [checkpoint for checkpoint in checkpoints() if checkpoint.fingerprint == fingerprint]
    same.sort(key=lambda checkpoint: _age(checkpoint.path))
    if not same and (nameless := _read_if_sound(checkpoint_folder(fingerprint))):
        same = [nameless] if nameless.fingerprint == fingerprint else []
    whole = next((checkpoint for checkpoint in same if not missing_files(checkpoint)), None)
    if same and not whole:
        _require_whole(same[0])
    return whole


def nameless() -> list[Path]:
    """Return the checkpoint folders that no name points to."""
    with contextlib.suppress(OSError):
        folders = [path for path in checkpoints_folder().iterdir() if not path.name.startswith(".") and path.is_dir()]
        named = {path.resolve() for path in _name_paths()}
        return sorted(folder for folder in folders if folder.resolve() not in named)
    return []


def lookup(name: str) -> Checkpoint | None:
    """Return the checkpoint called ``name``, if there is one."""
    return read_checkpoint(models_folder() / check_name(name))


def at(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in ``folder``, wherever that is, if there is one."""
    checkpoint = read_checkpoint(folder)
    if checkpoint and folder.parent.resolve() == checkpoints_folder().resolve():
        registered_as = checkpoint.manifest.get("name") or folder.name
        return replace(checkpoint, name=str(registered_as))
    return checkpoint


def get(name: str) -> Checkpoint:
    """Return the checkpoint called ``name``, or raise with the names that exist or the files that it has lost."""
    bare = name.removeprefix(PREFIX)
    checkpoint = lookup(bare)
    if checkpoint is None:
        if _exists(models_folder() / bare):
            raise _without_manifest(bare)
        names = [other.name for other in checkpoints()]
        registered = ", ".join(names[:_LISTED]) or "none yet"
        more = f" and {len(names) - _LISTED} more (ssd-harness models list)" if len(names) > _LISTED else ""
        raise UsageError(f"no checkpoint is called {bare!r}", next_step=f"registered: {registered}{more}")
    _require_whole(checkpoint)
    return checkpoint


def check_free(name: str, fingerprint: str) -> None:
    """Refuse ``name`` if it belongs to a checkpoint of another recipe, or to one that is damaged."""
    holder = lookup(name)
    if holder and holder.fingerprint != fingerprint:
        raise UsageError(
            f"the name {name!r} belongs to a checkpoint of another recipe ({holder.fingerprint[:8]})",
            next_step=f"choose another name= or run: ssd-harness models remove {name}",
        )
    if holder is None and _exists(models_folder() / name):
        raise _without_manifest(name)
    target = checkpoint_folder(fingerprint)
    if _exists(target) and not _read_if_sound(target):
        _refuse_named(target)


def register(name: str, folder: Path, manifest: Mapping[str, Any]) -> Checkpoint:
    """Move the finished model in ``folder`` into the registry and name it.

    The checkpoint appears whole or not at all, and its name after it: :func:`find` finds one that a kill left without a
    name, and :func:`alias` names it.
    """
    check_name(name)
    with _locked():
        storage.remove_leftovers(models_folder())
        storage.remove_leftovers(checkpoints_folder())
        check_free(name, manifest["fingerprint"])
        if _exists(models_folder() / name):
            return get(name)  # another process has just registered the same
        target = checkpoints_folder() / _key(manifest)
        if _exists(target) and not _read_if_sound(target):
            _remove_damaged(target)
        if not _exists(target):
            files = {
                file.relative_to(folder).as_posix(): file.stat().st_size
                for file in sorted(folder.rglob("*"))
                if file.is_file() and file.name != MANIFEST_FILE
            }
            about = {schema.KEY: schema.MANIFEST, **manifest, "name": name, "files": files}
            storage.flush_folder(folder)
            storage.write_json(folder / MANIFEST_FILE, about)
            storage.move_folder(folder, target)
        point(name, target)
    return get(name)


def alias(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """Give a checkpoint one more name, which costs nothing on the disk."""
    if name == checkpoint.name:
        return checkpoint
    check_free(name, checkpoint.fingerprint)
    if named := lookup(name):
        return named
    with _locked():
        check_free(name, checkpoint.fingerprint)
        if not _exists(models_folder() / name):
            point(name, _place(checkpoint))
    return get(name)


def move_to_place(checkpoint: Checkpoint) -> None:
    """Turn a checkpoint that is a folder among the names, as in earlier versions, into one with a name."""
    with _locked():
        _place(checkpoint)


def restore_names() -> None:
    """Name each checkpoint that a kill has left without a name as its manifest says, where that name is free."""
    for folder in nameless():
        checkpoint = _read_if_sound(folder)
        name = str(checkpoint.manifest.get("name")) if checkpoint else ""
        if checkpoint and _NAME.fullmatch(name) and not _exists(models_folder() / name):
            alias(checkpoint, name)


def point(name: str, folder: Path) -> None:
    """Let ``name`` point to the checkpoint in ``folder``; a relative link, so that the state folder can be moved."""
    path = models_folder() / name
    with storage.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        inside = folder.is_relative_to(home())
        path.symlink_to(os.path.relpath(folder, path.parent) if inside else folder)


def rename(old: str, new: str) -> Checkpoint:
    """Rename a checkpoint; its children keep their origin, which they know by the fingerprint."""
    with _locked():
        checkpoint = get(old)
        target = models_folder() / check_name(new)
        if _exists(target):
            raise UsageError(f"a checkpoint is called {new!r} already", next_step="choose another name")
        with storage.disk_errors(target):
            checkpoint.path.rename(target)
    return get(new)


def children(checkpoint: Checkpoint) -> list[str]:
    """Return what would lose its origin with ``checkpoint``: names of checkpoints, and of unfinished runs.

    Nothing does while another name points to the same checkpoint.
    """
    others = [other for other in checkpoints() if other.name != checkpoint.name]
    if any(other.fingerprint == checkpoint.fingerprint for other in others):
        return []
    names = [other.name for other in others if other.manifest.get("parent") == checkpoint.fingerprint]
    finished = {other.fingerprint[:16] for other in others}
    unfinished = set()
    for run in training_folders():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            parent = foreign_json.read(run / PLAN_FILE)["parent"]
            if run.name not in finished and parent == checkpoint.fingerprint:
                unfinished.add(f"the unfinished run {run.name}")
    return names + sorted(unfinished)


def own_bytes(checkpoint: Checkpoint) -> int:
    """Return what removing this name frees: nothing while another name points to the checkpoint."""
    return _own_bytes(checkpoint.path)


def remove(name: str, *, force: bool = False) -> int:
    """Remove a name, and with its last name the checkpoint; return the bytes that this frees.

    A checkpoint that others were made from needs ``force``. A name that links to a folder outside of the registry is
    removed alone; the files there stay.
    """
    with _locked():
        path = models_folder() / check_name(name)
        if not _exists(path):
            get(name)  # raises, with the names that exist
        checkpoint = None if force else lookup(name)
        if checkpoint is None and not force:
            raise _without_manifest(name)
        if checkpoint and (needing := children(checkpoint)):
            raise UsageError(
                f"{name!r} is what {', '.join(needing)} was made from",
                next_step="remove those first, or add --force (checkpoints stay usable, their history does not)",
            )
        size = _own_bytes(path)
        folder = path.resolve() if _is_last_name(path) else None
        # The files first: a kill in between leaves a name that `models list` shows as broken, never an unnamed copy.
        if folder:
            storage.remove_folder(folder)
        with storage.disk_errors(path):
            path.unlink(missing_ok=True)
        storage.remove_leftovers(models_folder())
        storage.remove_leftovers(checkpoints_folder())
    return size


def _names() -> Iterator[tuple[Checkpoint | None, tuple[Path, str]]]:
    """Yield for each name its checkpoint, None without a readable manifest, its path, and what is wrong with it."""
    try:
        paths = _name_paths()
    except OSError as error:
        raise InfrastructureError(f"cannot read the checkpoints: {error.strerror}", where=models_folder()) from error
    for path in paths:
        try:
            checkpoint = read_checkpoint(path)
        except InfrastructureError as error:
            yield None, (path, error.what)
            continue
        lost = missing_files(checkpoint) if checkpoint else []
        complaint = f"lost {', '.join(lost[:3])}" if lost else "" if checkpoint else "lost its manifest"
        yield checkpoint, (path, complaint)


def _name_paths() -> list[Path]:
    """Return the path of each name: a link, or the model's folder itself as earlier versions had it."""
    try:
        entries = sorted(models_folder().iterdir())
    except FileNotFoundError:
        return []
    return [path for path in entries if not path.name.startswith(".") and (path.is_dir() or path.is_symlink())]


def _key(manifest: Mapping[str, Any]) -> str:
    """Return the name of a checkpoint's folder.

    Checkpoints from elsewhere with equal weights have equal fingerprints, and each has what its user says of it.
    """
    if manifest.get("trained") != ELSEWHERE:
        return checkpoint_folder(manifest["fingerprint"]).name
    identity = {key: value for key, value in manifest.items() if key not in {"name", "files", "software", "checked"}}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _place(checkpoint: Checkpoint) -> Path:
    """Return the checkpoint's folder; one that is in its name's place, as in earlier versions, is moved first."""
    path = checkpoint.path
    if path.is_symlink() or path.parent != models_folder():
        return path.resolve()
    target = checkpoints_folder() / _key(checkpoint.manifest)
    if _exists(target) and not _read_if_sound(target):
        _remove_damaged(target)
    if _exists(target):  # two names were two folders with the same files
        storage.remove_folder(path)
    else:
        storage.move_folder(path, target)
    point(path.name, target)
    return target


def _is_last_name(path: Path) -> bool:
    """Whether the files that ``path`` leads to are the registry's own and no other name leads there."""
    folder = path.resolve()
    if folder.parent not in {models_folder().resolve(), checkpoints_folder().resolve()} or not folder.exists():
        return False
    return not any(other != path and other.resolve() == folder for other in _name_paths())


def _refuse_named(folder: Path) -> None:
    """Raise where a name points to this checkpoint's folder, which has lost its manifest."""
    for path in _name_paths():
        if path.resolve() == folder.resolve():
            raise _without_manifest(path.name)


def _remove_damaged(folder: Path) -> None:
    """Remove a checkpoint's folder that has lost its manifest; raise where a name still points to it."""
    _refuse_named(folder)
    with storage.disk_errors(folder):
        shutil.rmtree(folder)


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
        f"the checkpoint {name!r} has lost its manifest, so nothing says what it is",
        where=models_folder() / name,
        next_step=f"put {MANIFEST_FILE} back, or run: ssd-harness models remove {name} --force",
    )


def _exists(path: Path) -> bool:
    """Whether anything is at ``path``, a link that leads nowhere included."""
    return path.exists() or path.is_symlink()


def _own_bytes(path: Path) -> int:
    if not _is_last_name(path):
        return 0
    statuses = (file.stat() for file in path.rglob("*") if file.is_file())
    return sum(status.st_size for status in statuses if status.st_nlink == 1)


def _age(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:  # removed meanwhile
        return -1


def _read_if_sound(folder: Path) -> Checkpoint | None:
    try:
        return read_checkpoint(folder)
    except InfrastructureError:
        return None
