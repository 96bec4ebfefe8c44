"""The prompts that a model and all its ancestors were trained on, as far as they are known."""

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
    """Sketches of the prompts that a model was trained on, and what is unknown."""

    sketches: tuple[Path, ...] = ()
    unknown: tuple[str, ...] = ()
    """Names of ancestors whose prompts were not recorded, such as imported checkpoints."""
    kept: int = 0
    """Number of prompts that overlap LiveCodeBench's problems and were kept with ``allow_overlap``."""

    def __add__(self, other: "Lineage") -> "Lineage":
        """Return the lineage of a model that was trained on the prompts of both."""
        return Lineage(self.sketches + other.sketches, self.unknown + other.unknown, self.kept + other.kept)

    def store(self, folder: Path) -> dict[str, Any]:
        """Copy the sketches into a model's folder, named by their content, and return the manifest entry."""
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

    Raises :class:`InfrastructureError` if a sketch is missing or differs from the one in the manifest, so that the
    checkpoint cannot pass for one without overlap.
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
        except (OSError, TypeError, KeyError):  # the file is missing, or the manifest was edited
            whole = False
        if not whole:
            raise InfrastructureError(
                f"the sketch of the prompts that {name} was trained on is missing or changed",
                where=path,
                next_step="train or import the checkpoint again; without the sketch, overlap cannot be checked",
            )
        paths.append(path)
    kept = part.get("kept")
    unknown = tuple(map(str, part.get("unknown", ())))
    return Lineage(tuple(paths), unknown, kept if isinstance(kept, int) else 0)
