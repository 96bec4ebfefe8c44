"""What runs and evaluations have left in the state folder, what still refers to it, and the removal of the rest."""

import contextlib
import json
import os
import pwd
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.artifacts import former_layout, registry
from ssd_harness.artifacts.layout import (
    KEPT,
    PLAN_FILE,
    SAMPLES,
    artifacts_of,
    checkpoint_folder,
    lock_of,
    models_folder,
    training_folder,
)
from ssd_harness.errors import InfrastructureError
from ssd_harness.home import home

RUN, GENERATIONS, CHECKPOINT = "run", "generations", "checkpoint"
_FOLDERS = ("training", SAMPLES, KEPT, "checkpoints", "generations")
_DAY_S = 86_400.0
_UNREADABLE = (OSError, ValueError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Entry:
    """One artifact's folder, and what refers to it."""

    kind: str
    path: Path
    needed_by: str
    """What refers to it; empty where nothing does."""
    about: str
    unfinished: bool = False
    """Whether it is needed only by work that may have been given up."""
    runs: tuple[Path, ...] = ()
    """Folders of the runs that refer to it."""

    def files(self) -> list[os.stat_result]:
        """Return the status of every file in it."""
        statuses = []
        for file in self.path.rglob("*"):
            with contextlib.suppress(OSError):  # removed meanwhile
                if file.is_file():
                    statuses.append(file.lstat())
        return statuses

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(status.st_size for status in self.files())

    @property
    def idle_days(self) -> float:
        """Days since it, or a run that refers to it, was written to."""
        return (time.time() - max(map(_last_write, (self.path, *self.runs)))) / _DAY_S

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
        """Whether this user owns it."""
        return self.path.stat().st_uid == os.getuid()

    def locks(self) -> list[Path]:
        """Return the locks of all processes that may read or write it."""
        return [lock_of(folder) for folder in (self.path, *self.runs)]


def entries() -> list[Entry]:
    """Return all artifacts of the cache that can be removed, by kind and name.

    Raises :class:`InfrastructureError` if a checkpoint's manifest cannot be read, because it is then unknown which
    artifacts this checkpoint needs.
    """
    former_layout.refuse()
    named = registry.checkpoints()
    names = {checkpoint.name for checkpoint in named}
    if lost := [name for name, _ in registry.broken() if name not in names]:
        raise InfrastructureError(
            f"nothing says what the checkpoint {lost[0]!r} needs",
            where=models_folder() / lost[0],
            next_step=f"put its manifest back, or run: ssd-harness models remove {lost[0]} --force",
        )
    runs = [_run(path, named) for path in _folders("training")]
    plans = {run.path: _read(run.path / PLAN_FILE) for run in runs}
    references = _References(named, runs, plans)
    bases = {
        str(checkpoint.manifest["base"].get("weights")): f"the base of ssd:{checkpoint.name}" for checkpoint in named
    }
    for run in runs:
        if run.unfinished:
            bases.setdefault(str(_base_of(plans[run.path]).get("weights")), f"the base of the run {run.path.name}")
    return [
        *runs,
        *(references.entry(kind, path) for kind in (SAMPLES, KEPT) for path in _folders(kind)),
        *(_nameless(path) for path in registry.nameless()),
        *(_generations(path, named, bases) for path in _folders("generations")),
    ]


def prune(chosen: Iterable[Entry], *, dry_run: bool) -> Iterator[tuple[Entry, bool]]:
    """Remove the entries that no process uses; yield each with whether it was, or would be, removed."""
    for entry in chosen:
        with storage.locked_if_free(entry.locks()) as free:
            if free and not dry_run:
                storage.remove_folder(entry.path)
        yield entry, free
    if not dry_run:
        for name in _FOLDERS:
            storage.remove_leftovers(home() / name)


def freed_bytes(removed: Iterable[Iterable[os.stat_result]]) -> int:
    """Return what removing folders frees, given their files: a file that has a link elsewhere frees nothing."""
    links: Counter[tuple[int, int]] = Counter()
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    for files in removed:
        for status in files:
            key = status.st_dev, status.st_ino
            links[key] += 1
            sizes[key] = status.st_nlink, status.st_size
    return sum(size for key, (count, size) in sizes.items() if links[key] == count)


class _References:
    """Which runs and checkpoints refer to samples, by their plans and manifests."""

    def __init__(
        self, named: Iterable[registry.Checkpoint], runs: Iterable[Entry], plans: Mapping[Path, Mapping[str, Any]]
    ) -> None:
        self._plans = plans
        self._runs: dict[Path, list[Entry]] = {}
        self._names: dict[Path, list[str]] = {}
        for run in runs:
            for folder in artifacts_of(plans[run.path]).values():
                self._runs.setdefault(folder, []).append(run)
        for checkpoint in named:
            for folder in artifacts_of(checkpoint.manifest).values():
                self._names.setdefault(folder, []).append(f"ssd:{checkpoint.name}")

    def entry(self, kind: str, path: Path) -> Entry:
        """Return the entry of a folder of samples."""
        runs, names = self._runs.get(path, []), self._names.get(path, [])
        names = names + [run.needed_by for run in runs if run.needed_by and not run.unfinished]
        unfinished = [f"the unfinished run {run.path.name}" for run in runs if run.unfinished]
        base = next((_base_of(self._plans[run.path]).get("name") for run in runs), None)
        about = f"of {base}" if base else "of a checkpoint" if names else "of a run that has been removed"
        needed_by = ", ".join([*dict.fromkeys(names), *unfinished])
        folders = tuple(run.path for run in runs)
        return Entry(kind, path, needed_by, about, unfinished=bool(unfinished) and not names, runs=folders)


def _run(path: Path, named: Iterable[registry.Checkpoint]) -> Entry:
    names = [f"ssd:{checkpoint.name}" for checkpoint in named if training_folder(checkpoint.fingerprint) == path]
    base = _base_of(_read(path / PLAN_FILE)).get("name")
    about = f"training of {base}" if base else "a run"
    if names:
        return Entry(RUN, path, ", ".join(names), about)
    trained, unregistered = (path / "manifest.json").exists(), (path / "checkpoint").exists()
    if trained and not unregistered and not checkpoint_folder(path.name).exists():
        return Entry(RUN, path, "", f"{about}; its checkpoint has been removed")
    return Entry(RUN, path, "itself, unfinished", about, unfinished=True)


def _nameless(path: Path) -> Entry:
    run = training_folder(path.name)
    needed_by = "itself: the same command names it"
    return Entry(CHECKPOINT, path, needed_by, "without a name", unfinished=True, runs=(run,) if run.exists() else ())


def _generations(path: Path, named: Iterable[registry.Checkpoint], bases: Mapping[str, str]) -> Entry:
    weights = str(_read(path / "about.json").get("weights"))
    names = [f"ssd:{checkpoint.name}" for checkpoint in named if checkpoint.weights == weights]
    if names:
        return Entry(GENERATIONS, path, ", ".join(names), "of a checkpoint")
    if weights.startswith("manifest "):
        return Entry(GENERATIONS, path, "", "of a checkpoint that has been removed")
    if weights in bases:
        return Entry(GENERATIONS, path, bases[weights], "of a model as it is")
    return Entry(GENERATIONS, path, "an evaluation of its own", "of a model as it is", unfinished=True)


def _folders(name: str) -> list[Path]:
    return sorted(path for path in (home() / name).glob("[!.]*") if path.is_dir() and not path.is_symlink())


def _last_write(folder: Path) -> float:
    times = []
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):  # removed meanwhile
            if file.is_file():
                times.append(file.lstat().st_mtime)
    return max(times, default=folder.stat().st_mtime)


def _base_of(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    base = plan.get("base")
    return base if isinstance(base, dict) else {}


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except _UNREADABLE:
        return {}
    return content if isinstance(content, dict) else {}
