"""Run one stage in several processes: ``python -m ssd_harness.distill.launch FOLDER COUNT PARENT_PID``.

torchrun starts the processes, and ends all of them when one fails. It does not restart any, because the stage resumes
from its saved state when the command is run again.
"""

import os
import signal
import sys
from pathlib import Path

from ssd_harness.artifacts import shards
from ssd_harness.distill import sampling
from ssd_harness.distill.job import read_job
from ssd_harness.distill.stage_messages import ENDED, FAILURE
from ssd_harness.errors import ExitCode
from ssd_harness.supervisor import die_with


def main(folder: Path, count: int, parent: int) -> int:
    """Run the stage in ``count`` processes."""
    die_with(parent)
    import torch
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    if 0 < (available := torch.cuda.device_count()) < count:
        print(f"{FAILURE}gpus={count}, but this machine has {available}", flush=True)
        return ExitCode.USAGE
    module = [sys.executable, "-P", "-m", "ssd_harness.distill.stage", str(folder), str(os.getpid())]
    try:
        run(parse_args(["--standalone", f"--nproc-per-node={count}", "--max-restarts=0", "--no-python", *module]))
    except ChildFailedError as error:
        codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        for rank, code in codes.items():
            if code < 0 and code != -signal.SIGTERM:  # torchrun ends the others with it
                name = signal.Signals(-code).name
                hint = " (out of memory?)" if name == "SIGKILL" else ""
                print(f"{ENDED}process {rank} of {count} was ended by {name}{hint}", flush=True)
                return ExitCode.INFRASTRUCTURE
        return ExitCode.USAGE if ExitCode.USAGE in codes.values() else ExitCode.INFRASTRUCTURE
    job = read_job(folder)
    if job.stage == "sample":
        shards.write_manifest(folder, sampling.finish(job, folder))
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
