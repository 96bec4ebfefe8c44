"""The rank of a process among the processes of one stage."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

# Set by launchers for each rank.
_VARIABLES = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"}
_VARIABLES |= {"SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS"}
_PREFIXES = ("GROUP_", "ROLE_", "TORCHELASTIC_", "ACCELERATE_", "FSDP_", "OMPI_", "PMI_", "PMIX_", "MV2_COMM_")


@dataclass(frozen=True, slots=True)
class Rank:
    """Process ``number`` of the ``count`` that run one stage."""

    number: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process reports for all."""
        return self.number == 0


ALONE = Rank()


def own_rank() -> Rank:
    """Return this process's rank, from its launcher's variables."""
    return Rank(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def rank_variables(names: Iterable[str]) -> set[str]:
    """Return the variables among ``names`` that a distributed launch sets."""
    return {name for name in names if name in _VARIABLES or name.startswith(_PREFIXES)}


def work_alone(rank: Rank) -> None:
    """Hide the other ranks and their devices from this process: sampling shares out prompts, not tensors."""
    if rank.count == 1:
        return
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    os.environ["CUDA_VISIBLE_DEVICES"] = devices[rank.number] if rank.number < len(devices) else ""
    for name in rank_variables(os.environ):
        del os.environ[name]
