"""Run one stage as a separate process: ``python -m ssd_harness.distill.stage FOLDER PARENT_PID``.

The folder has the file of the job. Progress goes to standard output, one line at a time; output of libraries goes to
standard error, which is the stage's log. The manifest is written last, and marks the stage as finished. If
``distill.launch`` starts several processes for a stage, each has its rank.
"""

import contextlib
import os
import sys
import traceback
from pathlib import Path

from ssd_harness import storage
from ssd_harness.artifacts import shards
from ssd_harness.distill import filtering, sampling, training
from ssd_harness.distill.job import read_job
from ssd_harness.distill.ranks import own_rank, work_alone
from ssd_harness.distill.stage_messages import ADVISED, FAILURE
from ssd_harness.errors import ExitCode, SsdError
from ssd_harness.progress import Reporter
from ssd_harness.supervisor import die_with

STAGES = {"sample": sampling.run, "filter": filtering.run, "train": training.run}


def main(folder: Path, parent: int) -> int:
    """Run the stage; report a failure as one line and an exit code."""
    die_with(parent)
    progress = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    rank = own_rank()
    try:
        with storage.full_disk_errors(folder):
            job = read_job(folder)
            label = job.stage
            if job.stage == "sample" and rank.count > 1:
                work_alone(rank)
                label = f"sample (process 0 of {rank.count})"
            report = Reporter(progress if rank.first else None, label)
            manifest = STAGES[job.stage](job, folder, report, rank)
            if manifest is not None:
                shards.write_manifest(folder, manifest)
    except Exception as error:  # noqa: BLE001 - the process ends here, and the log gets the traceback
        expected = isinstance(error, SsdError)
        with contextlib.suppress(OSError):  # the log may be what fills the disk
            print(error if expected and not error.__cause__ else traceback.format_exc(), file=sys.stderr)
        # To the parent as well: on a full disk the last line of the log may be an old one.
        message = str(error) if expected else f"{type(error).__name__}: {error}"
        prefix = ADVISED if isinstance(error, SsdError) and error.next_step else FAILURE
        progress.write(f"{prefix}{' '.join(message.split())}\n")
        progress.flush()
        return error.exit_code if isinstance(error, SsdError) else ExitCode.INFRASTRUCTURE
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
