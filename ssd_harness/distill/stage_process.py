"""Start a stage in a process of its own, show how far it is, and turn its death into one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from ssd_harness import storage
from ssd_harness.distill import shards
from ssd_harness.distill.job import Job
from ssd_harness.distill.progress import Display
from ssd_harness.errors import ExitCode, InfrastructureError, SsdError, UsageError

LOG = "log.txt"

# What launchers tell each rank. A stage that inherited it would try to join their process group, and hang.
_RANK_VARIABLES = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"}
_RANK_PREFIXES = ("GROUP_", "ROLE_", "TORCHELASTIC_", "ACCELERATE_", "FSDP_", "OMPI_", "PMI_", "PMIX_", "MV2_COMM_")
_RANK_VARIABLES |= {"SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS"}


def run_stage(job: Job, folder: Path, *, lock: int) -> None:
    """Run ``job`` in ``folder`` until its manifest stands there.

    The process keeps the descriptor ``lock`` open, so that the lock outlives a killed parent until the stage is gone
    too. Raises :class:`SsdError` with the log's path and its last line if the stage fails.
    """
    with storage.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        shards.remove_manifest(folder)
        job.write(folder)
        log = (folder / LOG).open("ab")
    display = Display()
    # -P: a folder of the user's that happens to be called like a module of ours must not be imported.
    command = [sys.executable, "-P", "-m", "ssd_harness.distill.stage", str(folder), str(os.getpid())]
    with (
        log,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment(), pass_fds=(lock,)
        ) as process,
    ):
        assert process.stdout
        try:
            for line in process.stdout:
                display.show(line.decode("utf-8", "replace").strip())
        except BaseException:
            process.kill()
            raise
        finally:
            display.finish()
    if process.returncode:
        raise _failure(job.stage, process.returncode, folder / LOG)


def environment() -> dict[str, str]:
    """Return this process's environment without any trace of a distributed launch, and with one visible device."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _RANK_VARIABLES and not name.startswith(_RANK_PREFIXES)
    }
    # TRL refuses several devices in one process, and one is all that a stage uses.
    kept["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    kept.setdefault("TOKENIZERS_PARALLELISM", "false")
    return kept


def _failure(stage: str, code: int, log: Path) -> SsdError:
    last = _last_line(log)
    if code == ExitCode.USAGE:
        return UsageError(last, where=log)
    next_step = "run the same command again to go on from what is finished"
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory?)" if -code == signal.SIGKILL else ""
        return InfrastructureError(f"the {stage} stage was ended by {name}{hint}", where=log, next_step=next_step)
    return InfrastructureError(f"the {stage} stage failed: {last}", where=log, next_step=next_step)


def _last_line(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 8192))
        lines = stream.read().decode("utf-8", "replace").split("\n")
    filled = [line.strip() for line in lines if line.strip()]
    # The log may hold what a model wrote.
    return "".join(character for character in (filled or ["nothing in the log"])[-1] if character.isprintable())[:500]
