"""Fill an artifact's folder by running a stage, if the folder is not complete yet."""

from pathlib import Path

from ssd_harness import storage
from ssd_harness.artifacts import shards
from ssd_harness.artifacts.layout import lock_of
from ssd_harness.distill.job import Job
from ssd_harness.distill.plan_lines import say
from ssd_harness.distill.stage_process import run_stage
from ssd_harness.distill.training import CHECKPOINT
from ssd_harness.errors import InfrastructureError


def fill(folder: Path, job: Job, *, run_lock: int) -> Path:
    """Run ``job`` for what ``folder`` lacks, and return ``folder``; wait if another process is filling it.

    The stage holds ``run_lock``, the descriptor of the run's lock, and the folder's own until it ends, even if this
    process is killed. ``ssd-harness cache prune`` leaves the job's samples alone meanwhile.
    """
    if job.stage == "train":  # its folder is the run's own
        if not (shards.has_manifest(folder) and (folder / CHECKPOINT).exists()):
            _run(folder, job, [run_lock])
        return folder
    if _is_there(folder, job):
        return folder
    drawing = f"samples {folder.name}: another run is drawing the same samples, waiting for it"
    waiting = drawing if job.stage == "sample" else "another run is filtering the same samples, waiting for it"
    with storage.locked(lock_of(folder), lambda: say(waiting)) as held:
        if not _is_there(folder, job):
            _run(folder, job, [run_lock, held])
    return folder


def _is_there(folder: Path, job: Job) -> bool:
    if not shards.is_whole(folder):
        return False
    if job.stage == "sample":
        say(f"samples {folder.name}: drawn before, reused")
    return True


def _run(folder: Path, job: Job, locks: list[int]) -> None:
    if job.samples is None:
        run_stage(job, folder, locks=locks)
        return
    with storage.shared_lock(lock_of(job.samples)):
        if not shards.is_whole(job.samples):
            raise InfrastructureError(
                f"the samples to {job.stage} have been removed meanwhile",
                where=job.samples,
                next_step="run the same command again",
            )
        run_stage(job, folder, locks=locks)
