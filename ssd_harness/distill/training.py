"""The training stage: fine-tune on the kept samples, and refuse a checkpoint that is not whole and finite."""

import contextlib
import errno
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ssd_harness import plugin_manager, storage
from ssd_harness.distill import shards
from ssd_harness.distill.contracts import Report
from ssd_harness.distill.job import Job
from ssd_harness.distill.ranks import ALONE, Rank
from ssd_harness.errors import InfrastructureError, SsdError

CHECKPOINT = "checkpoint"
_ROOM = 1 << 20
"""With fewer bytes left, whatever failed did so for want of room."""


def run(job: Job, folder: Path, report: Report, rank: Rank = ALONE) -> Mapping[str, Any] | None:
    """Train, check what came out, and return the manifest; of several processes, the first one does."""
    assert job.samples
    trainer = plugin_manager.lookup("ssd_trainers", job.recipe.trainer)(job.model, job.recipe)
    with storage.disk_errors(folder), _full_disk(folder):
        trained = trainer.train(shards.read_samples(job.samples), folder, report)
    if not rank.first:
        return None
    losses = [float(loss) for loss in trained.get("losses", [])]
    if not all(math.isfinite(loss) for loss in losses):
        raise InfrastructureError("the loss is not a number", where=folder, next_step="lower lr=")
    check_checkpoint(folder / CHECKPOINT)
    for rest in folder.iterdir():
        if rest.is_dir() and rest.name != CHECKPOINT:
            shutil.rmtree(rest)  # the trainer's own state, of no use any more and large
    return {"trainer": job.recipe.trainer, **trained}


@contextlib.contextmanager
def _full_disk(folder: Path) -> Iterator[None]:
    """Say that the disk is full where it is: torch and safetensors say so in words of their own."""
    try:
        yield
    except Exception as error:
        if isinstance(error, SsdError | OSError) or shutil.disk_usage(folder).free > _ROOM:
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error


def check_checkpoint(folder: Path) -> None:
    """Raise :class:`InfrastructureError` unless the model's files are there and every weight is a finite number."""
    import torch
    from safetensors import safe_open

    files = sorted(folder.glob("*.safetensors"))
    if not files or not (folder / "config.json").exists():
        raise InfrastructureError("the trainer left no model behind", where=folder)
    for file in files:
        with safe_open(file, "pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - not a mapping
                if not bool(torch.isfinite(weights.get_tensor(name)).all()):
                    raise InfrastructureError(
                        f"the trained weights {name} are not finite", where=file, next_step="lower lr="
                    )
