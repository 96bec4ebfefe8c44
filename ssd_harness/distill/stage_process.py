"""Run a stage in a process of its own, show its progress, and report its failure in one line."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ssd_harness import storage, supervisor
from ssd_harness.artifacts import shards
from ssd_harness.distill.job import Job
from ssd_harness.distill.ranks import rank_variables
from ssd_harness.distill.stage_messages import ADVISED, ENDED, FAILURE
from ssd_harness.errors import ExitCode, InfrastructureError, SsdError, UsageError
from ssd_harness.printable import printable
from ssd_harness.progress import StageDisplay

LOG = "log.txt"
_GO_ON = "run the same command again to continue from what is finished"


def run_stage(job: Job, folder: Path, *, locks: Iterable[int]) -> None:
    """Run ``job`` until its manifest is in ``folder``; sampling and training use as many GPUs as the recipe's ``gpus``.

    All processes of the stage end with this process. Their supervisor keeps the descriptors ``locks`` open, so that the
    locks are held until the stage has ended, even if this process is killed. Raises :class:`SsdError` with the log's
    path and last line if the stage fails.
    """
    with storage.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        shards.remove_manifest(folder)
        job.write(folder)
        log = (folder / LOG).open("ab")
    display = StageDisplay()
    count = 1 if job.stage == "filter" else job.recipe.gpus
    module, *more = ["ssd_harness.distill.stage"] if count == 1 else ["ssd_harness.distill.launch", str(count)]
    command = supervisor.supervised([sys.executable, "-P", "-m", module, str(folder), *more])
    how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": log, "process_group": 0}
    with log, subprocess.Popen(command, env=environment(count), pass_fds=tuple(locks), **how) as process:
        assert process.stdout
        failure, advised = "", False
        end = threading.Thread(target=_end_group, args=(process.pid,))
        end.start()
        try:
            for raw in process.stdout:
                line = _harmless(raw)
                if line.startswith(ENDED):
                    failure, advised = line.removeprefix(ENDED), False
                elif line.startswith((ADVISED, FAILURE)):
                    advised = advised or (not failure and line.startswith(ADVISED))
                    failure = failure or line.removeprefix(ADVISED).removeprefix(FAILURE)
                else:
                    display.show(line)
        except BaseException:
            process.terminate()
            raise
        finally:
            end.join()
            display.finish()
    if process.returncode:
        raise _failure(job.stage, process.returncode, failure, folder / LOG, advised=advised)
    if not shards.has_manifest(folder):
        raise InfrastructureError(f"the {job.stage} stage ended without a result", where=folder / LOG, next_step=_GO_ON)


def _end_group(leader: int) -> None:
    """Wait for the supervisor to end, then kill its group: if it was killed, its children still hold our pipe open."""
    os.waitid(os.P_PID, leader, os.WEXITED | os.WNOWAIT)  # not reaped yet, so no other process can get its number
    os.killpg(leader, signal.SIGKILL)


def without_ranks() -> dict[str, str]:
    """Return this process's environment without the variables of a distributed launch."""
    return {name: value for name, value in os.environ.items() if name not in rank_variables(os.environ)}


def environment(devices: int = 1) -> dict[str, str]:
    """Return this process's environment without any trace of a distributed launch, and so many visible devices."""
    kept = without_ranks()
    # A stage of one process must see one device: TRL refuses several.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(devices))))
    kept["CUDA_VISIBLE_DEVICES"] = ",".join(visible.split(",")[:devices])
    kept.setdefault("TOKENIZERS_PARALLELISM", "false")
    return kept


def _failure(stage: str, code: int, failure: str, log: Path, *, advised: bool) -> SsdError:
    """Return the error of a failed stage; one that named a next step itself gets no other."""
    if code == ExitCode.USAGE:
        return UsageError(failure or last_line(log), where=log)
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory?)" if -code == signal.SIGKILL else ""
        return InfrastructureError(f"the {stage} stage was ended by {name}{hint}", where=log, next_step=_GO_ON)
    next_step = None if advised else _GO_ON
    return InfrastructureError(f"the {stage} stage failed: {failure or last_line(log)}", where=log, next_step=next_step)


def last_line(log: Path) -> str:
    """Return the last filled line of a log, as far as it can be shown."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 8192))
        filled = [line for line in stream.read().split(b"\n") if line.strip()]
    return _harmless(filled[-1]) if filled else "nothing in the log"


def _harmless(line: bytes) -> str:
    """Return a line of output as text that is safe to print; it may include text from a model."""
    return printable(line.decode("utf-8", "replace"))
