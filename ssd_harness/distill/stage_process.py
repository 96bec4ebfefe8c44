"""Start a stage in a process of its own, show how far it is, and turn its death into one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.distill import shards
from ssd_harness.distill.job import Job
from ssd_harness.distill.progress import ENDED, FAILURE, Display
from ssd_harness.distill.ranks import rank_variables
from ssd_harness.errors import ExitCode, InfrastructureError, SsdError, UsageError
from ssd_harness.printable import printable

LOG = "log.txt"


def run_stage(job: Job, folder: Path, *, lock: int) -> None:
    """Run ``job`` in ``folder`` until its manifest stands there; sampling and training take the recipe's ``gpus``.

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
    count = 1 if job.stage == "filter" else job.recipe.gpus
    module, *more = ["ssd_harness.distill.stage"] if count == 1 else ["ssd_harness.distill.launch", str(count)]
    command = [sys.executable, "-P", "-m", module, str(folder), str(os.getpid()), *more]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": log}
    with log, subprocess.Popen(command, env=environment(count), pass_fds=(lock,), **pipes) as process:
        assert process.stdout
        said = ""
        try:
            for raw in process.stdout:
                line = _harmless(raw)
                if line.startswith(ENDED):
                    said = line.removeprefix(ENDED)
                elif line.startswith(FAILURE):
                    said = said or line.removeprefix(FAILURE)
                else:
                    display.show(line)
        except BaseException:
            process.kill()
            raise
        finally:
            display.finish()
    if process.returncode:
        raise _failure(job.stage, process.returncode, said, folder / LOG)


def without_ranks() -> dict[str, str]:
    """Return this process's environment without any trace of a distributed launch."""
    return {name: value for name, value in os.environ.items() if name not in rank_variables(os.environ)}


def environment(devices: int = 1) -> dict[str, str]:
    """Return this process's environment without any trace of a distributed launch, and so many visible devices."""
    kept = without_ranks()
    # A stage of one process must see one device: TRL refuses several.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(devices))))
    kept["CUDA_VISIBLE_DEVICES"] = ",".join(visible.split(",")[:devices])
    kept.setdefault("TOKENIZERS_PARALLELISM", "false")
    return kept


def _failure(stage: str, code: int, said: str, log: Path) -> SsdError:
    if code == ExitCode.USAGE:
        return UsageError(said, where=log)
    next_step = "run the same command again to go on from what is finished"
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory?)" if -code == signal.SIGKILL else ""
        return InfrastructureError(f"the {stage} stage was ended by {name}{hint}", where=log, next_step=next_step)
    return InfrastructureError(f"the {stage} stage failed: {said or last_line(log)}", where=log, next_step=next_step)


def last_line(log: Path) -> str:
    """Return the last filled line of a log, as far as it can be shown."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 8192))
        filled = [line for line in stream.read().split(b"\n") if line.strip()]
    return _harmless(filled[-1]) if filled else "nothing in the log"


def _harmless(line: bytes) -> str:
    """Return what can be shown of a line, which may hold what a model wrote."""
    return printable(line.decode("utf-8", "replace"))
