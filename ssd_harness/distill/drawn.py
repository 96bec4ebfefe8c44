"""Samples that an earlier run has drawn already: whoever changes the training alone need not draw them again."""

import os
import shutil
from pathlib import Path

from ssd_harness import storage
from ssd_harness.distill import shards
from ssd_harness.errors import InfrastructureError
from ssd_harness.home import home

IDENTITY = "identity"
"""The manifest's entry with ``recipe.samples_fingerprint``."""
_FROM = "drawn_for"


def adopt(folder: Path, identity: str) -> str | None:
    """Let the unfinished sampling stage ``folder`` have the samples called ``identity``; return the run that drew them.

    None if no finished stage has them. Files are shared, not copied, where the file system and their owner allow it,
    and the manifest comes last, so a kill leaves a stage to be finished as usual.
    """
    for manifest in sorted(home().glob("runs/*/round-*/sample/manifest.json")):
        drawn = manifest.parent
        if drawn == folder or not _holds(drawn, identity):
            continue
        with storage.disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for file in sorted(drawn.glob("samples-*.parquet")):
                _share(file, folder / file.name)
        run = drawn.parents[1].name
        shards.write_manifest(folder, {_FROM: run, **shards.read_manifest(drawn)})
        return run
    return None


def _holds(drawn: Path, identity: str) -> bool:
    try:
        if shards.read_manifest(drawn).get(IDENTITY) != identity or not shards.is_whole(drawn):
            return False
        for _ in shards.read_samples(drawn):
            pass  # a damaged shard is drawn again, not handed on
    except (InfrastructureError, OSError, ValueError, AttributeError, TypeError):  # or somebody has edited the manifest
        return False
    return True


def _share(file: Path, target: Path) -> None:
    scratch = target.with_name(f".{os.getpid()}-{target.name}")
    try:
        os.link(file, scratch)
    except OSError:  # another user's, or a file system without links
        shutil.copyfile(file, scratch)
    scratch.replace(target)
