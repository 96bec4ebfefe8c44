"""Resources of this machine: the memory of the device that a run uses, and free disk space."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ssd_harness.engines import loading
from ssd_harness.engines.choice import may_have_accelerator
from ssd_harness.engines.memory import host_bytes
from ssd_harness.estimates.device_memory import gigabytes
from ssd_harness.home import home
from ssd_harness.recipe.definition import Recipe


@dataclass(frozen=True, slots=True)
class Machine:
    """The memory and devices of a machine; sizes are in bytes."""

    memory: float | None
    """Memory of the smallest GPU that the run would use, or of the host if it runs on the CPU; None if unknown."""
    host: float
    """Memory of the host."""
    on_gpu: bool
    gpus: int = 1
    """Number of GPUs in the machine."""
    is_here: bool = True
    """Whether this is the current machine, and not one for comparison."""

    @property
    def words(self) -> str:
        """The memory and its device, in words."""
        size = f"{gigabytes(self.memory or 0)} GB"
        if not self.is_here:
            return f"{size} of a GPU (none is here)"
        return f"{size} of the GPU here" if self.on_gpu else f"{size} of memory here (no GPU is used)"


def usual_gpu(gigabytes: float) -> Machine:
    """Return a machine with one GPU of ``gigabytes``, for a comparison on a machine without a GPU."""
    return Machine(gigabytes * 1e9, float("inf"), on_gpu=True, is_here=False)


def this_machine(recipe: Recipe) -> Machine:
    """Return the memory and devices of this machine that ``recipe`` would use."""
    host = float(host_bytes())
    if not may_have_accelerator(recipe.device):
        return Machine(host, host, on_gpu=False)
    import torch

    device = loading.pick_device(recipe.device)
    if device.startswith("cpu"):
        return Machine(host, host, on_gpu=False)
    if device.startswith("mps"):
        return Machine(host, host, on_gpu=True)  # this GPU shares the host's memory
    if not device.startswith("cuda"):
        return Machine(None, host, on_gpu=True)
    count = torch.cuda.device_count()
    used = range(min(recipe.gpus, count))
    smallest = min(torch.cuda.get_device_properties(number).total_memory for number in used)
    return Machine(float(smallest), host, on_gpu=True, gpus=count)


def free_disk(folder: Path | None = None) -> tuple[Path, int]:
    """Return the nearest folder that exists above ``folder`` (the state folder), and the free bytes there."""
    requested = (folder or home()).absolute()
    existing = next(path for path in (requested, *requested.parents) if path.exists())
    return existing, shutil.disk_usage(existing).free
