"""The registry of checkpoints: one folder for each, named by its fingerprint, and names, which are links to folders."""

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
"""Prefix of a registered checkpoint's name: ``pretrained=ssd:NAME``."""

_LISTED = 10
"""Most names that a message lists."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def check_name(name: str) -> str:
    """Return ``name``. Raises :class:`UsageError` if it cannot name a checkpoint."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a checkpoint", next_step="use letters, digits, dot, dash and underscore"
        )
    return name


def checkpoints() -> list[Checkpoint]:
    """Return all named checkpoints, sorted by name; :func:`broken` returns those without a readable manifest."""
    return [checkpoint for checkpoint, _ in _names() if checkpoint]


def broken() -> list[tuple[str, str]]:
    """Return the name of each checkpoint that cannot be used, and what is wrong with it."""
    return [(path.name, complaint) for _, (path, complaint) in _names() if complaint]


def find(fingerprint: str) -> Checkpoint | None:
    """Return the checkpoint with this fingerprint if it exists and is complete; raise if it has lost files.

    If it has several names, it is returned under the oldest one, which was given to it on purpose.
    """
    matches = [checkpoint for checkpoint in checkpoints() if checkpoint.fingerprint == fingerprint]
    matches.sort(key=lambda checkpoint: _age(checkpoint.path))
    if not matches and (unnamed := _read_if_sound(checkpoint_folder(fingerprint))):
        matches = [unnamed] if unnamed.fingerprint == fingerprint else []
    whole = next((checkpoint for checkpoint in matches if not missing_files(checkpoint)), None)
    if matches and not whole:
        _require_whole(matches[0])
    return whole


def nameless() -> list[Path]:
    """Return the checkpoint folders that no name points to."""
    with contextlib.suppress(OSError):
        folders = [path for path in checkpoints_folder().iterdir() if not path.name.startswith(".") and path.is_dir()]
        named = {path.resolve() for path in _name_paths()}
        return sorted(folder for folder in folders if folder.resolve() not in named)
    return []


def lookup(name: str) -> Checkpoint | None:
    """Return the checkpoint called ``name``, or None; it may have lost files."""
    return read_checkpoint(models_folder() / check_name(name))


def at(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in ``folder``, inside or outside of the registry; None if the folder has no manifest."""
    checkpoint = read_checkpoint(folder)
    if checkpoint and folder.parent.resolve() == checkpoints_folder().resolve():
        first_name = checkpoint.manifest.get("name") or folder.name
        return replace(checkpoint, name=str(first_name))
    return checkpoint


def get(name: str) -> Checkpoint:
    """Return the complete checkpoint called ``name``, with or without the prefix ``ssd:``.

    Raises :class:`UsageError` with the existing names, or :class:`InfrastructureError` with the files that are missing.
    """
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
    """Raise if ``name`` belongs to a checkpoint with another fingerprint, or to a damaged one."""
    owner = lookup(name)
    if owner and owner.fingerprint != fingerprint:
        raise UsageError(
            f"the name {name!r} belongs to a checkpoint of another recipe ({owner.fingerprint[:8]})",
            next_step=f"choose another name= or run: ssd-harness models remove {name}",
        )
    if owner is None and _exists(models_folder() / name):
        raise _without_manifest(name)
    target = checkpoint_folder(fingerprint)
    if _exists(target) and not _read_if_sound(target):
        _refuse_named(target)


def register(name: str, folder: Path, manifest: Mapping[str, Any]) -> Checkpoint:
    """Move the finished model in ``folder`` into the registry and name it.

    The folder is moved as a whole, and the name is made last. If the process is killed in between, :func:`find` still
    finds the checkpoint by its fingerprint, and :func:`alias` names it.
    """
    check_name(name)
    with _locked():
        storage.remove_leftovers(models_folder())
        storage.remove_leftovers(checkpoints_folder())
        check_free(name, manifest["fingerprint"])
        if _exists(models_folder() / name):
            return get(name)  # another process has just registered the same checkpoint
        target = checkpoints_folder() / _folder_name(manifest)
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
    """Give a checkpoint one more name, which takes no disk space."""
    if name == checkpoint.name:
        return checkpoint
    check_free(name, checkpoint.fingerprint)
    if named := lookup(name):
        return named
    with _locked():
        check_free(name, checkpoint.fingerprint)
        if not _exists(models_folder() / name):
            point(name, _ensure_own_folder(checkpoint))
    return get(name)


def move_to_place(checkpoint: Checkpoint) -> None:
    """Move a checkpoint of an earlier version, whose name is the folder itself, and make the name a link."""
    with _locked():
        _ensure_own_folder(checkpoint)


def restore_names() -> None:
    """Give each checkpoint without a name, which a kill may leave behind, the name in its manifest if that is free."""
    for folder in nameless():
        checkpoint = _read_if_sound(folder)
        name = str(checkpoint.manifest.get("name")) if checkpoint else ""
        if checkpoint and _NAME.fullmatch(name) and not _exists(models_folder() / name):
            alias(checkpoint, name)


def point(name: str, folder: Path) -> None:
    """Link ``name`` to the checkpoint in ``folder``; the link is relative, so that the cache can be moved."""
    path = models_folder() / name
    with storage.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        inside = folder.is_relative_to(home())
        path.symlink_to(os.path.relpath(folder, path.parent) if inside else folder)


def rename(old: str, new: str) -> Checkpoint:
    """Rename a checkpoint; its children still refer to it, because their manifests record its fingerprint."""
    with _locked():
        checkpoint = get(old)
        target = models_folder() / check_name(new)
        if _exists(target):
            raise UsageError(f"a checkpoint is called {new!r} already", next_step="choose another name")
        with storage.disk_errors(target):
            checkpoint.path.rename(target)
    return get(new)


def children(checkpoint: Checkpoint) -> list[str]:
    """Return the checkpoints and unfinished runs that started from ``checkpoint``, and would lose their origin with it.

    Returns nothing while another name points to the same checkpoint.
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
    """Return the bytes that removing this name frees: 0 while another name points to the checkpoint."""
    return _own_bytes(checkpoint.path)


def remove(name: str, *, force: bool = False) -> int:
    """Remove a name, and the checkpoint's files if it was the last name; return the bytes that this frees.

    ``force`` is needed for a checkpoint from which others were trained. If the name links to a folder outside of the
    registry, only the link is removed.
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
        # Remove the files first: a kill in between leaves a name that `models list` shows as broken, and no files.
        if folder:
            storage.remove_folder(folder)
        with storage.disk_errors(path):
            path.unlink(missing_ok=True)
        storage.remove_leftovers(models_folder())
        storage.remove_leftovers(checkpoints_folder())
    return size


def _names() -> Iterator[tuple[Checkpoint | None, tuple[Path, str]]]:
    """Yield for each name its checkpoint (None without a readable manifest), its path, and a complaint or ""."""
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
    """Return the path of each name: a link, or the model's folder itself if an earlier version made it."""
    try:
        entries = sorted(models_folder().iterdir())
    except FileNotFoundError:
        return []
    return [path for path in entries if not path.name.startswith(".") and (path.is_dir() or path.is_symlink())]


def _folder_name(manifest: Mapping[str, Any]) -> str:
    """Return the name of a checkpoint's folder: its fingerprint, or a hash of the manifest of an imported checkpoint.

    Imported checkpoints with equal weights have equal fingerprints, but users may give them different fields.
    """
    if manifest.get("trained") != ELSEWHERE:
        return checkpoint_folder(manifest["fingerprint"]).name
    identity = {key: value for key, value in manifest.items() if key not in {"name", "files", "software", "checked"}}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _ensure_own_folder(checkpoint: Checkpoint) -> Path:
    """Return the checkpoint's folder; if an earlier version stored it under its name, move it out first."""
    path = checkpoint.path
    if path.is_symlink() or path.parent != models_folder():
        return path.resolve()
    target = checkpoints_folder() / _folder_name(checkpoint.manifest)
    if _exists(target) and not _read_if_sound(target):
        _remove_damaged(target)
    if _exists(target):  # two names were two folders with the same files
        storage.remove_folder(path)
    else:
        storage.move_folder(path, target)
    point(path.name, target)
    return target


def _is_last_name(path: Path) -> bool:
    """Whether ``path`` leads to files of the registry, and no other name leads there."""
    folder = path.resolve()
    if folder.parent not in {models_folder().resolve(), checkpoints_folder().resolve()} or not folder.exists():
        return False
    return not any(other != path and other.resolve() == folder for other in _name_paths())


def _refuse_named(folder: Path) -> None:
    """Raise if a name points to ``folder``, which has lost its manifest."""
    for path in _name_paths():
        if path.resolve() == folder.resolve():
            raise _without_manifest(path.name)


def _remove_damaged(folder: Path) -> None:
    """Remove a checkpoint's folder that has lost its manifest; raise if a name still points to it."""
    _refuse_named(folder)
    with storage.disk_errors(folder):
        shutil.rmtree(folder)


def _locked() -> contextlib.AbstractContextManager[int]:
    """Hold the lock that lets only one process at a time change names."""
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
    """Whether ``path`` exists, even as a broken link."""
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
