"""The end of an evaluation in several processes: all of them together, their process group taken down in order."""

import contextlib
import sys
from typing import Any

_watched: list[bool] = []


def watch() -> None:
    """Note that this process's evaluation is one of ours; what others do with their process group is their affair."""
    _watched.append(True)


def leave_together() -> None:
    """Wait for the other ranks and take the process group down, after an evaluation of ours, where there is a group.

    A rank that simply ends closes its connections while the others still read from them, and the threads of a group
    that is still up run on while the interpreter is taken down: either may end a process by SIGABRT on a busy machine.
    Nothing that goes wrong here may harm an evaluation that is done.
    """
    torch: Any = sys.modules.get("torch")
    distributed = torch.distributed if torch and torch.distributed.is_available() else None
    if not _watched or not distributed or not distributed.is_initialized():
        return
    with contextlib.suppress(Exception):
        distributed.barrier()
    with contextlib.suppress(Exception):
        distributed.destroy_process_group()
