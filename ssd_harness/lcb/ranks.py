"""Let all processes of one evaluation fail together: one that stopped alone would leave the others waiting for it."""

import sys

from ssd_harness.errors import InfrastructureError, SsdError


def agree(failure: SsdError | None) -> None:
    """Raise ``failure`` here, or an error that quotes another rank's; every rank must call this at the same point.

    Only a process that has already joined a ``torch.distributed`` group asks the others.
    """
    torch = sys.modules.get("torch")
    distributed = torch.distributed if torch and torch.distributed.is_available() else None
    failures: list[str | None] = [None]
    if distributed and distributed.is_initialized():
        failures = [None] * distributed.get_world_size()
        distributed.all_gather_object(failures, str(failure) if failure else None)
    if failure:
        raise failure
    for rank, other in enumerate(failures):
        if other:
            raise InfrastructureError(f"rank {rank} failed: {other}")
