"""Find the run to compare with: the base model for an SSD checkpoint, a checkpoint for its base model."""

import os
from pathlib import Path
from typing import Any

from ssd_harness.errors import SsdError
from ssd_harness.harness.result_files.outcomes import read_outcomes
from ssd_harness.harness.result_files.runs import model_info_of, results_beside, runs_in

_MOST_READ = 3


def partner_of(file: Path, folder: Path) -> Path | None:
    """Return the newest samples below ``folder`` of the other kind of model, on the same task and problems.

    ``file`` has the samples of an ``ssd-*`` model. Returns None if there is no such run.
    """
    about = model_info_of(results_beside(file))
    if about is None:
        return None
    prefix = file.name.rpartition("_")[0]
    candidates: list[Path] = []
    try:
        for run in runs_in(folder):
            other = model_info_of(results_beside(run.path))
            if other and run.path.name.rpartition("_")[0] == prefix and _are_partners(about, other):
                candidates.append(run.path)
        candidates.sort(key=os.path.getmtime, reverse=True)
        problems = read_outcomes(file).keys()
        return next((path for path in candidates[:_MOST_READ] if read_outcomes(path).keys() == problems), None)
    except (SsdError, OSError):
        return None


def _are_partners(about: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether one run is of a base model and the other of a checkpoint trained from it."""
    names = [info["base"].get("name") if isinstance(info.get("base"), dict) else None for info in (about, other)]
    return names[0] == names[1] and bool(about.get("fingerprint")) != bool(other.get("fingerprint"))
