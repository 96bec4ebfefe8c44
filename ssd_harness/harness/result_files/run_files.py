"""Find the one run that is meant in a folder where lm-eval, or ``ssd-harness score``, has put several."""

import fnmatch
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.foreign_json import read

_SHOWN = 6
_SHORT = 12
_MOST_FILES = 100_000
_HINT = "name the file you mean, or write PATH@WORD: run id, base, checkpoint, fingerprint or part of the file's name"


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of samples or verdicts, and what the results beside it say about the model."""

    path: Path
    name: str
    """Its path inside the folder."""
    run: str | None = None
    """Id of the run: the same id, the same samples."""
    fingerprint: str | None = None
    """None for a base model."""
    model: str | None = None

    def is_called(self, word: str) -> bool:
        """Whether ``word`` is a name of this run's model, or begins one of its ids."""
        if word == "base":
            return self.run is not None and self.fingerprint is None
        ids = [name for name in (self.run, self.fingerprint) if name]
        named = self.model is not None and word in {self.model, self.model.removeprefix("ssd:")}
        return named or any(name.startswith(word) for name in ids)

    def describe(self) -> str:
        """Say which run it is, in a few words."""
        if not self.run:
            return self.name
        model = f"{self.model}, fingerprint {self.fingerprint[:_SHORT]}" if self.fingerprint else f"base {self.model}"
        return f"@{self.run} {model} ({self.name})"


def find_run(named: Path | str) -> Path:
    """Return the file of one run: ``named`` is the file, a folder with one, or ``FOLDER@WORD`` (or ``@WORD@WORD``).

    Raises :class:`UsageError` that lists the candidates where none or several fit.
    """
    path, words = _split(str(named))
    if os.path.isfile(path):  # noqa: PTH113
        return path
    found = runs_in(path)
    if not found:
        raise UsageError(
            "no verdicts.jsonl and no samples_*.jsonl here", where=path, next_step="run lm_eval with --log_samples"
        )
    fitting = found
    for word in words:
        called = [run for run in fitting if run.is_called(word)]
        fitting = called or [run for run in fitting if word in run.name]
    if len(fitting) == 1:
        return fitting[0].path
    listed = fitting or found
    names = "; ".join(run.describe() for run in listed[:_SHOWN]) + ("; …" if len(listed) > _SHOWN else "")
    what = f"{len(fitting)} runs" if fitting else f"no run fits {'@'.join(words)!r}, of {len(found)}"
    raise UsageError(f"{what} in this folder: {names}", where=path, next_step=_HINT)


def runs_in(folder: Path) -> list[RunFile]:
    """Return every run below ``folder``, in the order of the files' names."""
    return [_run_file(file, str(file.relative_to(folder))) for file in sorted(_candidates(folder))]


def _candidates(folder: Path) -> Iterator[Path]:
    """Yield the files of runs below ``folder``; raises :class:`UsageError` for one that holds far more than runs."""
    looked_at = 0
    for parent, folders, files in os.walk(folder):  # which passes over what it may not read
        looked_at += len(folders) + len(files)
        if looked_at > _MOST_FILES:
            raise UsageError(
                f"more than {_MOST_FILES:,} files and folders here", where=folder, next_step="name the run's own folder"
            )
        for name in files:
            if name == "verdicts.jsonl" or fnmatch.fnmatchcase(name, "samples_*.jsonl"):
                file = Path(parent, name)
                if file.is_file():
                    yield file


def _split(named: str) -> tuple[Path, list[str]]:
    path = Path(named)
    words: list[str] = []
    while "@" in path.name and not os.path.exists(path):  # noqa: PTH110 - pathlib's raises for a name that is too long
        before, _, word = str(path).rpartition("@")
        path = Path(before)
        words.insert(0, word)
    return path, [word for word in words if word]


def _run_file(file: Path, name: str) -> RunFile:
    """Read the results that lm-eval wrote beside its samples: both names end in the same date."""
    about = about_model(results_beside(file))
    if about is None:
        return RunFile(file, name)
    checkpoint, base = about.get("checkpoint"), about.get("base")
    model = f"ssd:{checkpoint}" if checkpoint else base.get("name") if isinstance(base, dict) else None
    return RunFile(file, name, _text(about.get("run")), _text(about.get("fingerprint")), _text(model))


def results_beside(file: Path) -> dict[str, Any]:
    """Return the results of one run: what lm-eval, or ``ssd-harness score``, wrote beside its samples or verdicts.

    Empty where there are none that can be read.
    """
    date = file.stem.rpartition("_")[2]
    name = "summary.json" if file.name == "verdicts.jsonl" else f"results_{date}.json"
    try:
        results = read(file.parent / name)
    except (OSError, ValueError):
        return {}
    return results if isinstance(results, dict) else {}


def about_model(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what our model class has written into lm-eval's results about itself."""
    config = results.get("config")
    about = config.get("ssd") if isinstance(config, dict) else None
    return about if isinstance(about, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
