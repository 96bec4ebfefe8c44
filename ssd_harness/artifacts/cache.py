"""What runs and evaluations have left in the state folder, what of it is still needed, and the removal of the rest."""

import contextlib
import json
import os
import pwd
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.artifacts import registry
from ssd_harness.errors import InfrastructureError
from ssd_harness.home import home

RUN, GENERATIONS = "run", "generations"
_DAY_S = 86_400.0
_UNREADABLE = (OSError, ValueError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Entry:
    """One folder of samples, or of generations."""

    kind: str
    path: Path
    needed_by: str
    """Who would miss it; empty where nothing refers to it."""
    about: str
    unfinished: bool = False
    """Whether what it is needed by is work that may have been given up."""

    def files(self) -> list[os.stat_result]:
        """Return the status of every file in it."""
        found = []
        for file in self.path.rglob("*"):
            with contextlib.suppress(OSError):  # removed meanwhile
                if file.is_file():
                    found.append(file.lstat())
        return found

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(status.st_size for status in self.files())

    @property
    def idle_days(self) -> float:
        """Days since anything in it was written."""
        latest = max((status.st_mtime for status in self.files()), default=self.path.stat().st_mtime)
        return (time.time() - latest) / _DAY_S

    @property
    def owner(self) -> str:
        """Name of the user whose folder it is."""
        number = self.path.stat().st_uid
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            return str(number)

    @property
    def is_mine(self) -> bool:
        """Whether this user made it."""
        return self.path.stat().st_uid == os.getuid()

    def locks(self) -> list[Path]:
        """Return the locks of all that may read or write it."""
        named = {_field(job, "identity") for job in self.path.glob("round-*/sample/job.json")}
        of_samples = [samples_lock(str(identity)) for identity in named if identity]
        return [self.path / "lock", self.path / "rounds.lock", *of_samples]


def samples_lock(identity: str) -> Path:
    """Return the lock of the samples called ``identity``, held while they are drawn or taken over."""
    return home() / "runs" / f".samples-{identity[:16]}.lock"


def entries() -> list[Entry]:
    """Return all runs and generations of the state folder, by kind and name.

    Raises :class:`InfrastructureError` where a checkpoint's manifest cannot be read: nobody knows what it needs.
    """
    known = registry.checkpoints()
    names = {checkpoint.name for checkpoint in known}
    if lost := [name for name, _ in registry.broken() if name not in names]:
        raise InfrastructureError(
            f"nothing says what the checkpoint {lost[0]!r} needs",
            where=registry.models_folder() / lost[0],
            next_step=f"put its manifest back, or run: ssd-harness models remove {lost[0]} --force",
        )
    runs = [_run(path, known) for path in _folders("runs")]
    bases = {
        str(checkpoint.manifest["base"].get("weights")): f"the base of ssd:{checkpoint.name}" for checkpoint in known
    }
    for run in runs:
        if run.unfinished:
            bases.setdefault(str(_of_base(run.path)), f"the base of the unfinished run {run.path.name}")
    return runs + [_generations(path, known, bases) for path in _folders("generations")]


def prune(found: Iterable[Entry], *, dry_run: bool) -> Iterator[tuple[Entry, bool]]:
    """Remove the entries that no process uses; yield each with whether it went, or would go."""
    for entry in found:
        with storage.locked_if_free(entry.locks()) as free:
            if free and not dry_run:
                grave = entry.path.with_name(f".removed-{entry.path.name}-{os.getpid()}")
                with storage.disk_errors(entry.path), storage.held(entry.path):
                    entry.path.rename(grave)
                    shutil.rmtree(grave)
        yield entry, free
    if not dry_run:
        for name in ("runs", "generations"):
            storage.sweep(home() / name)


def freed_bytes(removed: Iterable[Iterable[os.stat_result]]) -> int:
    """Return what removing folders frees, by the files that were in them: what something else has a link to stays."""
    links: Counter[tuple[int, int]] = Counter()
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    for files in removed:
        for status in files:
            key = status.st_dev, status.st_ino
            links[key] += 1
            sizes[key] = status.st_nlink, status.st_size
    return sum(size for key, (count, size) in sizes.items() if links[key] == count)


def _run(path: Path, known: Iterable[registry.Checkpoint]) -> Entry:
    made = [f"ssd:{checkpoint.name}" for checkpoint in known if checkpoint.fingerprint[:16] == path.name]
    base = _field(path / "run.json", "base")
    about = f"samples of {base.get('name')}" if isinstance(base, dict) else "a run"
    if made:
        return Entry(RUN, path, ", ".join(made), about)
    trained = [folder.parent for folder in path.glob("round-*/train/manifest.json")]
    if trained and not any((folder / "checkpoint").exists() for folder in trained):
        return Entry(RUN, path, "", f"{about}; its checkpoint has been removed")
    return Entry(RUN, path, "itself, unfinished", about, unfinished=True)


def _generations(path: Path, known: Iterable[registry.Checkpoint], bases: dict[str, str]) -> Entry:
    weights = str(_field(path / "about.json", "weights"))
    made = [f"ssd:{checkpoint.name}" for checkpoint in known if checkpoint.weights == weights]
    if made:
        return Entry(GENERATIONS, path, ", ".join(made), "of a checkpoint")
    if weights.startswith("manifest "):
        return Entry(GENERATIONS, path, "", "of a checkpoint that has been removed")
    if weights in bases:
        return Entry(GENERATIONS, path, bases[weights], "of a model as it is")
    return Entry(GENERATIONS, path, "an evaluation of its own", "of a model as it is", unfinished=True)


def _folders(name: str) -> list[Path]:
    return sorted(path for path in (home() / name).glob("[!.]*") if path.is_dir() and not path.is_symlink())


def _of_base(run: Path) -> Any:
    base = _field(run / "run.json", "base")
    return base.get("weights") if isinstance(base, dict) else None


def _field(file: Path, name: str) -> Any:
    try:
        return json.loads(file.read_text("utf-8")).get(name)
    except _UNREADABLE:
        return None
