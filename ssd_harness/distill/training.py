"""The training stage: fine-tune on the kept samples and check that the checkpoint loads as it was trained."""

import math
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from ssd_harness.artifacts import shards
from ssd_harness.distill.checkpoint_check import RECORD, Request, check_trained
from ssd_harness.distill.job import Job
from ssd_harness.distill.ranks import ALONE, Rank
from ssd_harness.errors import InfrastructureError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Trainer
from ssd_harness.extensions.contracts import Report

CHECKPOINT = "checkpoint"


def run(job: Job, folder: Path, report: Report, rank: Rank = ALONE) -> Mapping[str, Any] | None:
    """Train, check the checkpoint, and return the manifest; of several processes, the first one returns it."""
    assert job.samples
    trainer = plugin_manager.lookup(Trainer, job.recipe.trainer).factory(job.model, job.recipe)
    trained = trainer.train(shards.read_samples(job.samples), folder, report)
    del trainer  # frees the model before the checkpoint is loaded
    if not rank.first:
        return None
    losses = map(float, cast("Iterable[float]", trained.get("losses", ())))
    if not all(math.isfinite(loss) for loss in losses):
        raise InfrastructureError("the loss is not a number", where=folder, next_step="lower lr=")
    try:
        check_checkpoint(folder / CHECKPOINT)
    except InfrastructureError:
        # Otherwise the next run would resume from this state and fail again.
        _remove_folders(folder)
        raise
    record = folder / RECORD
    request = Request(
        str(folder / CHECKPOINT),
        base=str(job.model),
        record=str(record) if record.exists() else None,
        trust_remote_code=job.recipe.trust_remote_code,
    )
    on_cpu = str(trained.get("device", "cpu")).startswith("cpu")
    checked = check_trained(request, alone=on_cpu and rank.count == 1)
    record.unlink(missing_ok=True)
    return {"trainer": job.recipe.trainer, **trained, "checked": checked}


def finished_model(folder: Path) -> Path:
    """Return the folder of a finished training's model, and remove the training states beside it."""
    discard_state(folder)
    return folder / CHECKPOINT


def discard_state(folder: Path) -> None:
    """Remove the training states; call this only for a finished stage, because a kill may leave a part of them."""
    _remove_folders(folder, but=CHECKPOINT)


def _remove_folders(folder: Path, *, but: str | None = None) -> None:
    for inside in folder.iterdir():
        if inside.is_dir() and inside.name != but:
            shutil.rmtree(inside)


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
