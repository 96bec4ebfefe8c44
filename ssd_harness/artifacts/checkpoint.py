"""One checkpoint: a model folder in transformers' format, with a manifest that records how it was made."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness import schema
from ssd_harness.artifacts.checkpoint_manifest import read_manifest
from ssd_harness.artifacts.layout import checkpoints_folder

VERIFIED, PLAIN = "verified variant", "plain SSD"
"""``variant`` in a manifest: whether programs were run to choose the samples of this checkpoint or of an ancestor."""

ELSEWHERE = "trained elsewhere"
"""``trained`` in the manifest of an imported checkpoint."""

MANIFEST_FILE = "ssd_manifest.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint under one of its names."""

    name: str
    """Empty if a kill stopped the registration before the checkpoint was named."""
    path: Path
    """Folder of the model."""
    manifest: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """The hash that decides whether the checkpoint can be reused."""
        return str(self.manifest["fingerprint"])

    @property
    def verified(self) -> bool:
        """Whether it is a verified variant, by its own training or an ancestor's."""
        return self.manifest.get("variant") == VERIFIED

    @property
    def weights(self) -> str:
        """A hash that identifies these weights; two trainings with one recipe give slightly different weights."""
        manifest = {key: value for key, value in self.manifest.items() if key not in {"name", schema.KEY}}
        return f"manifest {hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()}"

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in ``folder``; None if there is no manifest.

    Raises :class:`InfrastructureError` if the manifest cannot be read or is invalid.
    """
    try:
        manifest = read_manifest(folder / MANIFEST_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Checkpoint("" if folder.parent == checkpoints_folder() else folder.name, folder, manifest)


def missing_files(checkpoint: Checkpoint) -> list[str]:
    """Return the files that were registered with the checkpoint and are now missing or have another size."""
    files = checkpoint.manifest.get("files", {})
    return [name for name, size in files.items() if _size(checkpoint.path / name) != size]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):  # a manifest from elsewhere may name what no file can be called
        return -1
