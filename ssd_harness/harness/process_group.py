"""Make the processes of a distributed evaluation act as one: fail together, report together, end together."""

import contextlib
import sys
from typing import Any

from ssd_harness.errors import InfrastructureError, SsdError


def raise_together(failure: SsdError | None) -> None:
    """Raise ``failure`` here and an error that quotes it on all other ranks; every rank must call this.

    A rank that stopped alone would leave the others waiting for it.
    """
    failures = gather(str(failure) if failure else None)
    if failure:
        raise failure
    for rank, message in enumerate(failures):
        if message:
            raise InfrastructureError(f"rank {rank} failed: {message}")


def gather(value: Any) -> list[Any]:
    """Return the ``value`` of every rank, in rank order; every rank must call this at the same point.

    A process that has not joined a ``torch.distributed`` group is the only rank.
    """
    distributed = _distributed()
    if distributed is None:
        return [value]
    values = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values


def shut_down() -> None:
    """Wait for the other ranks, then destroy the process group; does nothing without a group.

    A rank that simply ends closes its connections while the others still read from them, and the group's threads run on
    while the interpreter is torn down. Either can end a process by SIGABRT on a busy machine. Errors are ignored, since
    the evaluation is done.
    """
    distributed = _distributed()
    if distributed is None:
        return
    with contextlib.suppress(Exception):
        distributed.barrier()
    with contextlib.suppress(Exception):
        distributed.destroy_process_group()


def _distributed() -> Any:
    """Return ``torch.distributed`` if this process has joined a group; torch is not imported for this."""
    torch = sys.modules.get("torch")
    distributed = torch.distributed if torch and torch.distributed.is_available() else None
    return distributed if distributed and distributed.is_initialized() else None
