"""Which prompts a model was made from, as far as that is known: its own, and those of all it was made from in turn."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.errors import InfrastructureError
from ssd_harness.prompts.overlap.ngrams import NGRAM

MANIFEST_KEY = "overlap"


@dataclass(frozen=True, slots=True)
class Lineage:
    """Sketches of the prompts that a model was trained on with this package, and the gaps in that."""

    sketches: tuple[Path, ...] = ()
    unknown: tuple[str, ...] = ()
    """Names of checkpoints in the line whose prompts nobody recorded: imported ones, or older than the record."""
    kept: int = 0
    """Prompts that overlap LiveCodeBench's problems and were trained on all the same (``allow_overlap``)."""

    def __add__(self, other: "Lineage") -> "Lineage":
        """Return what a model made from both was trained on."""
        return Lineage(self.sketches + other.sketches, self.unknown + other.unknown, self.kept + other.kept)

    def store(self, folder: Path) -> dict[str, Any]:
        """Put the sketches into a model's folder, each named by its content, and return the manifest's part."""
        entries = {}
        for source in self.sketches:
            with source.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            target = folder / f"ssd_prompts-{digest[:16]}.parquet"
            if not target.exists():
                with source.open("rb") as stream, storage.atomic_writer(target, "wb") as copy:
                    shutil.copyfileobj(stream, copy)
            entries[target.name] = {"file": target.name, "sha256": digest}
        return {"ngram": NGRAM, "sketches": list(entries.values()), "unknown": list(self.unknown), "kept": self.kept}


def read_lineage(name: str, folder: Path, manifest: Mapping[str, Any]) -> Lineage:
    """Return the lineage of the checkpoint ``name`` in ``folder``.

    Raises :class:`InfrastructureError` if a sketch is not there or is not the one that the manifest names: it must not
    look like a checkpoint without overlap.
    """
    part = manifest.get(MANIFEST_KEY)
    if not isinstance(part, Mapping):
        return Lineage(unknown=(name,))
    paths = []
    for entry in part.get("sketches") or ():
        path = folder
        try:
            path = folder / Path(str(entry["file"])).name
            with path.open("rb") as stream:
                whole = hashlib.file_digest(stream, "sha256").hexdigest() == entry["sha256"]
        except (OSError, TypeError, KeyError):  # the file is gone, or somebody has edited the manifest
            whole = False
        if not whole:
            raise InfrastructureError(
                f"the sketch of the prompts that {name} was trained on is missing or changed",
                where=path,
                next_step="make or import the checkpoint again: overlap with evaluated problems cannot be checked",
            )
        paths.append(path)
    kept = part.get("kept")
    unknown = tuple(map(str, part.get("unknown", ())))
    return Lineage(tuple(paths), unknown, kept if isinstance(kept, int) else 0)
