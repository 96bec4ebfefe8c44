"""The folders of the cache, ``SSD_HARNESS_HOME``: one for each artifact, named by a hash of what decides its content.

::

    prompts/HASH.jsonl       prompt sets
    samples/HASH/            raw samples
    kept/HASH/               the samples that a filter kept
    training/FINGERPRINT/    a run: its plan, and the log and state of its training
    checkpoints/FINGERPRINT/ trained models
    models/NAME              a name: a symbolic link to a checkpoint
    generations/HASH/        evaluated generations
    verdicts/                verdicts on programs

An artifact is reused if its folder exists and is complete. A process that fills a folder holds the file ``lock`` in it.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ssd_harness.home import home

PLAN_FILE = "plan.json"
"""File in a run's folder: those entries of the checkpoint's manifest that are known before the run."""
ARTIFACTS = "artifacts"
"""Entry of a plan or manifest: the hashes of the samples and of the kept samples."""
SAMPLES, KEPT = "samples", "kept"
"""Kinds of artifacts; also the names of their folders."""
_DIGITS = 16
"""Hexadecimal digits of a hash that name a folder."""
_HASH = re.compile(r"[0-9a-f]{16}")


def samples_folder(identity: str) -> Path:
    """Return the folder of the raw samples with this identity."""
    return home() / SAMPLES / identity[:_DIGITS]


def kept_folder(identity: str) -> Path:
    """Return the folder of the kept samples with this identity."""
    return home() / KEPT / identity[:_DIGITS]


def kept_identity(samples: str, filter_: str, *others: str) -> str:
    """Return the identity of the samples that ``filter_`` keeps; ``samples`` is the identity of the raw samples.

    ``others`` are further inputs of the decision: a plugin's filter may read any field of its recipe.
    """
    return hashlib.sha256(json.dumps([samples, filter_, *others]).encode()).hexdigest()


def training_folder(fingerprint: str) -> Path:
    """Return the folder of the run that makes the checkpoint with this fingerprint."""
    return home() / "training" / fingerprint[:_DIGITS]


def training_folders() -> list[Path]:
    """Return the folders of all runs, sorted by name."""
    return sorted(path for path in (home() / "training").glob("[!.]*") if path.is_dir())


def checkpoint_folder(fingerprint: str) -> Path:
    """Return the folder of the checkpoint with this fingerprint."""
    return checkpoints_folder() / fingerprint[:_DIGITS]


def checkpoints_folder() -> Path:
    """Return the folder that holds one folder per checkpoint."""
    return home() / "checkpoints"


def models_folder() -> Path:
    """Return the folder of the checkpoints' names."""
    return home() / "models"


def lock_of(folder: Path) -> Path:
    """Return the path of the lock file of an artifact's folder."""
    return folder / "lock"


def artifacts_of(about: Any) -> dict[str, Path]:
    """Return the folders that a plan or a manifest refers to, by kind; an entry that is not a hash is left out."""
    identities = about.get(ARTIFACTS) if isinstance(about, dict) else None
    if not isinstance(identities, dict):
        return {}
    folders = {SAMPLES: samples_folder, KEPT: kept_folder}
    return {
        kind: folder(identity)
        for kind, folder in folders.items()
        if isinstance(identity := identities.get(kind), str) and _HASH.match(identity)
    }
