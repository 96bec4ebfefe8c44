"""Notes that change the meaning of a run's figures, read from the results beside its samples or verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.artifacts.registry import VERIFIED
from ssd_harness.harness.result_files.runs import find_run, model_info_of, results_beside
from ssd_harness.livecodebench.releases import NOT_OFFICIAL


@dataclass(frozen=True, slots=True)
class RunNotes:
    """Facts about a run that change the meaning of its figures."""

    allow_overlap: bool = False
    """The model was trained on prompts that overlap evaluated problems."""
    verified: bool = False
    """Programs were run to choose the training samples."""
    official: bool = True
    """False if the data is not LiveCodeBench's published data; True if there are no results."""
    equal_samples: bool = False
    """All samples of a problem are the same text and count as one."""

    def lines(self) -> list[str]:
        """Return the notes that hold, in words."""
        notes = {
            "made with allow_overlap=true": self.allow_overlap,
            f"{VERIFIED}, not plain SSD": self.verified,
            NOT_OFFICIAL: not self.official,
            "all samples of a problem are the same text, so pass@k is left out for k > 1": self.equal_samples,
        }
        return [words for words, holds in notes.items() if holds]

    def as_fields(self) -> dict[str, Any]:
        """Return each note as a field of JSON."""
        fields: dict[str, Any] = {"allow_overlap": True} if self.allow_overlap else {}
        fields |= {"variant": VERIFIED} if self.verified else {}
        fields |= {"equal_samples": True} if self.equal_samples else {}
        return fields | ({} if self.official else {"official": False})


def read_notes(selector: Path | str) -> RunNotes:
    """Return the notes of one run, selected as in :func:`~ssd_harness.harness.result_files.runs.find_run`."""
    file = find_run(selector)
    return notes_of(results_beside(file), task_of(file))


def task_of(file: Path) -> str:
    """Return the task by the name of an lm-eval ``samples_TASK_DATE.jsonl``."""
    return file.stem.removeprefix("samples_").rpartition("_")[0]


def notes_of(results: Mapping[str, Any], task: str) -> RunNotes:
    """Return the notes in lm-eval's results on one task, or in the summary of ``ssd-harness score``."""
    model_info, provenance = model_info_of(results) or {}, provenance_of(results, task)
    data, summary = _map(provenance.get("data")), _map(provenance.get("summary"))
    return RunNotes(
        allow_overlap=bool(model_info.get("allow_overlap") or summary.get("allow_overlap")),
        verified=model_info.get("variant") == VERIFIED,
        official=data.get("official") is not False or data.get("data_source") == "package",
        equal_samples=bool(provenance.get("equal_samples")),
    )


def provenance_of(results: Mapping[str, Any], task: str) -> Mapping[str, Any]:
    """Return the entries on data, prompt and judge in a run's results; empty if there are none."""
    if "configs" not in results:
        return results
    return _map(_map(_map(_map(results["configs"]).get(task)).get("metadata")).get("ssd_harness"))


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
