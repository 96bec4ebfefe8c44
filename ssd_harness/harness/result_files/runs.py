"""Find runs in a folder, and read the results that lm-eval or ``ssd-harness score`` wrote beside their samples."""

import fnmatch
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.foreign_json import read

_SHOWN = 6
_SHORT = 12
_MOST_FILES = 100_000
_HINT = "name the file you mean, or write PATH@WORD: run id, base, checkpoint, fingerprint or part of the file's name"


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of samples or verdicts, and the model according to the results beside it."""

    path: Path
    name: str
    """The path relative to the folder."""
    run: str | None = None
    """Id of the run: equal ids mean equal samples."""
    fingerprint: str | None = None
    """None for a base model."""
    model: str | None = None

    def is_called(self, word: str) -> bool:
        """Return whether ``word`` is a name of this run's model, or the start of one of its ids."""
        if word == "base":
            return self.run is not None and self.fingerprint is None
        ids = [name for name in (self.run, self.fingerprint) if name]
        is_name = self.model is not None and word in {self.model, self.model.removeprefix("ssd:")}
        return is_name or any(name.startswith(word) for name in ids)

    def describe(self) -> str:
        """Return the ids, model and file of the run on one line."""
        if not self.run:
            return self.name
        model = f"{self.model}, fingerprint {self.fingerprint[:_SHORT]}" if self.fingerprint else f"base {self.model}"
        return f"@{self.run} {model} ({self.name})"


def find_run(selector: Path | str) -> Path:
    """Return the file of one run.

    ``selector`` is the file, a folder with one run, or ``FOLDER@WORD`` with one or several words. Raises
    :class:`UsageError` with the candidates if none or several match.
    """
    path, words = _split(str(selector))
    if os.path.isfile(path):  # noqa: PTH113
        return path
    runs = runs_in(path)
    if not runs:
        raise UsageError(
            "no verdicts.jsonl and no samples_*.jsonl here", where=path, next_step="run lm_eval with --log_samples"
        )
    matches = runs
    for word in words:
        by_name = [run for run in matches if run.is_called(word)]
        matches = by_name or [run for run in matches if word in run.name]
    if len(matches) == 1:
        return matches[0].path
    listed = matches or runs
    names = "; ".join(run.describe() for run in listed[:_SHOWN]) + ("; …" if len(listed) > _SHOWN else "")
    what = f"{len(matches)} runs" if matches else f"no run matches {'@'.join(words)!r}, of {len(runs)}"
    raise UsageError(f"{what} in this folder: {names}", where=path, next_step=_HINT)


def runs_in(folder: Path) -> list[RunFile]:
    """Return every run below ``folder``, sorted by path."""
    return [_run_file(file, str(file.relative_to(folder))) for file in sorted(_candidates(folder))]


def _candidates(folder: Path) -> Iterator[Path]:
    """Yield the files of runs below ``folder``; :class:`UsageError` if it holds far more than runs."""
    entries = 0
    for parent, folders, files in os.walk(folder):  # which skips unreadable folders
        entries += len(folders) + len(files)
        if entries > _MOST_FILES:
            raise UsageError(
                f"more than {_MOST_FILES:,} files and folders here", where=folder, next_step="name the run's own folder"
            )
        for name in files:
            if name == "verdicts.jsonl" or fnmatch.fnmatchcase(name, "samples_*.jsonl"):
                file = Path(parent, name)
                if file.is_file():
                    yield file


def _split(selector: str) -> tuple[Path, list[str]]:
    path = Path(selector)
    words: list[str] = []
    while "@" in path.name and not os.path.exists(path):  # noqa: PTH110 - pathlib raises if the name is too long
        before, _, word = str(path).rpartition("@")
        path = Path(before)
        words.insert(0, word)
    return path, [word for word in words if word]


def _run_file(file: Path, name: str) -> RunFile:
    """Return the run whose samples or verdicts are in ``file``."""
    about = model_info_of(results_beside(file))
    if about is None:
        return RunFile(file, name)
    checkpoint, base = about.get("checkpoint"), about.get("base")
    model = f"ssd:{checkpoint}" if checkpoint else base.get("name") if isinstance(base, dict) else None
    return RunFile(file, name, _text(about.get("run")), _text(about.get("fingerprint")), _text(model))


def results_beside(file: Path) -> dict[str, Any]:
    """Return the results of one run, which lm-eval or ``ssd-harness score`` wrote beside its samples or verdicts.

    lm-eval's two files end in the same date. Empty if there are no readable results.
    """
    date = file.stem.rpartition("_")[2]
    name = "summary.json" if file.name == "verdicts.jsonl" else f"results_{date}.json"
    try:
        results = read(file.parent / name)
    except (OSError, ValueError):
        return {}
    return results if isinstance(results, dict) else {}


def results_files(folder: Path) -> list[Path]:
    """Return all files of lm-eval results below ``folder``, sorted by path."""
    return sorted(folder.rglob("results_*.json"))


def newest_results(folder: Path) -> dict[str, Any]:
    """Return lm-eval's newest results below ``folder``.

    Raises :class:`InfrastructureError` if there are none, or if they cannot be read.
    """
    files = results_files(folder)
    if not files:
        raise InfrastructureError("no results here", where=folder, next_step="delete the folder, run again")
    try:
        results = read(files[-1])
        if all(isinstance(results.get(part, {}), dict) for part in ("results", "configs", "config")):
            return dict(results)
    except (OSError, ValueError, AttributeError):
        pass
    raise InfrastructureError(
        "the results cannot be read", where=files[-1], next_step="delete the folder, and run the same command again"
    )


def files_of_date(output: Path, date: str) -> list[Path]:
    """Return the files that lm-eval wrote under ``--output_path`` in one run: their names hold the same date."""
    folder = output.parent if output.suffix == ".json" else output
    return sorted(file for file in folder.rglob(f"*_{date}.json*") if file.is_file()) if date else []


def model_info_of(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what our model class reported about itself in lm-eval's results; None for other models."""
    config = results.get("config")
    about = config.get("ssd") if isinstance(config, dict) else None
    return about if isinstance(about, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
