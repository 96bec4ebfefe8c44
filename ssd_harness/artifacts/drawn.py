"""Samples that another run draws, or has drawn: whoever changes the training alone need not draw them again."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ssd_harness import storage
from ssd_harness.artifacts import shards
from ssd_harness.artifacts.cache import samples_lock
from ssd_harness.errors import InfrastructureError
from ssd_harness.home import home

IDENTITY = "identity"
"""The manifest's entry with ``recipe.samples_fingerprint``."""
_FROM = "drawn_for"
_BROKEN = (InfrastructureError, OSError, ValueError, AttributeError, TypeError, KeyError)
"""What reading a file raises that is damaged, or that somebody has edited."""


@contextlib.contextmanager
def reserved(folder: Path, identity: str, on_wait: Callable[[str], None]) -> Iterator[int]:
    """Hold the samples called ``identity`` while the stage ``folder`` draws them: who wants the same ones waits.

    Yields the lock's descriptor: whoever draws them keeps it open, and the kernel lets go of it when that process dies.
    ``on_wait`` is told, before waiting, which run is at it.
    """
    with storage.locked(samples_lock(identity), lambda: on_wait(_at_work(folder, identity))) as held:
        yield held


def adopt(folder: Path, identity: str) -> str | None:
    """Let the unfinished sampling stage ``folder`` have the samples called ``identity``; return the run that drew them.

    None if no finished stage has them. Files are shared, not copied, where the file system and their owner allow it,
    and the manifest comes last, so a kill leaves a stage to be finished as usual.
    """
    for manifest in sorted(home().glob("runs/*/round-*/sample/manifest.json")):
        drawn = manifest.parent
        if drawn == folder or not _holds(drawn, identity):
            continue
        _share(drawn.glob("samples-*.parquet"), folder)
        run = drawn.parents[1].name
        shards.write_manifest(folder, {_FROM: run, **shards.read_manifest(drawn)})
        return run
    return None


def adopt_shards(folder: Path, identity: str) -> dict[str, int]:
    """Let the sampling stage ``folder`` have the shards that it lacks from stages that died over the same samples.

    Returns how many came from which run. Only for who holds them, see :func:`reserved`.
    """
    found = {}
    for drawn in _begun(identity):
        lacking = [file for file in drawn.glob("samples-*.parquet") if not (folder / file.name).exists()]
        sound = [file for file in lacking if drawn != folder and _is_sound(file)]
        if sound:
            _share(sound, folder)
            found[drawn.parents[1].name] = len(sound)
    return found


def _at_work(folder: Path, identity: str) -> str:
    others = (drawn for drawn in _begun(identity) if drawn != folder and not shards.has_manifest(drawn))
    return next((f"run {drawn.parents[1].name}" for drawn in others), "another run")


def _begun(identity: str) -> Iterator[Path]:
    """Yield the sampling stages that were told to draw just these samples."""
    for job in sorted(home().glob("runs/*/round-*/sample/job.json")):
        with contextlib.suppress(*_BROKEN):
            if json.loads(job.read_text("utf-8")).get("identity") == identity:
                yield job.parent


def _holds(drawn: Path, identity: str) -> bool:
    try:
        if shards.read_manifest(drawn).get(IDENTITY) != identity or not shards.is_whole(drawn):
            return False
        for _ in shards.read_samples(drawn):
            pass  # a damaged shard is drawn again, not handed on
    except _BROKEN:
        return False
    return True


def _is_sound(shard: Path) -> bool:
    try:
        return bool(list(shards.read_shard(shard)))
    except _BROKEN:
        return False


def _share(files: Iterable[Path], folder: Path) -> None:
    with storage.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(files):
            scratch = folder / f".{os.getpid()}-{file.name}"
            try:
                os.link(file, scratch)
            except OSError:  # another user's, or a file system without links
                shutil.copyfile(file, scratch)
            scratch.replace(folder / file.name)
