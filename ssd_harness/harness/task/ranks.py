"""Let all processes of one evaluation act as one: fail together, and report on all that was done.

A rank that stopped alone would leave the others waiting for it.
"""

import sys
from typing import Any

from ssd_harness.errors import InfrastructureError, SsdError


def agree(failure: SsdError | None) -> None:
    """Raise ``failure`` here, or an error that quotes another rank's; every rank must call this at the same point."""
    failures = gather(str(failure) if failure else None)
    if failure:
        raise failure
    for rank, other in enumerate(failures):
        if other:
            raise InfrastructureError(f"rank {rank} failed: {other}")


def gather(value: Any) -> list[Any]:
    """Return every rank's ``value``, in rank order; every rank must call this at the same point.

    Only a process that has already joined a ``torch.distributed`` group asks the others.
    """
    torch = sys.modules.get("torch")
    distributed = torch.distributed if torch and torch.distributed.is_available() else None
    if not distributed or not distributed.is_initialized():
        return [value]
    values = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values
