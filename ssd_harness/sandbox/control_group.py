"""A control group for a slot of the process sandbox, if one can be created: one core, bounded memory, CPU metered."""

import contextlib
import itertools
import os
import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_V1_KINDS = ("memory", "cpuacct", "pids", "cpu")
_PERIOD_US = 100_000
_count = itertools.count()


class ControlGroup:
    """The folders that a process joins, and the files in them that the worker reads."""

    def __init__(self, folders: list[Path], files: dict[str, Path]) -> None:
        self.folders, self.files = folders, files

    @property
    def bounds_memory(self) -> bool:
        """Whether the group bounds the memory of all processes of the slot together."""
        return any(name.startswith("memory.") for name in self.files)

    def remove(self) -> None:
        """Remove the folders, which become empty a moment after their last process has ended."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)
                else:
                    break


def create(memory: int, processes: int) -> ControlGroup:
    """Create a control group limited to ``memory`` bytes and ``processes``; skip what cannot be created."""
    name = f"ssd-harness-{os.getpid()}-{next(_count)}"
    group = ControlGroup([], {})
    if (_ROOT / "cgroup.controllers").exists():
        _create_v2(group, name, memory, processes)
    else:
        for kind in _V1_KINDS:
            _create_v1(group, kind, name, memory, processes)
    return group


def _create_v1(group: ControlGroup, kind: str, name: str, memory: int, processes: int) -> None:
    folder = _ROOT / kind / _own(kind) / name
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)  # several controllers may share one hierarchy
        group.folders.append(folder)
        if kind == "memory":
            _write(folder / "memory.limit_in_bytes", memory)
            with contextlib.suppress(OSError):  # absent if swap is not accounted
                _write(folder / "memory.memsw.limit_in_bytes", memory)
            group.files["memory.oom_control"] = folder / "memory.oom_control"
        elif kind == "cpuacct":
            group.files["cpuacct.usage"] = folder / "cpuacct.usage"
        elif kind == "cpu":
            _write(folder / "cpu.cfs_period_us", _PERIOD_US)
            _write(folder / "cpu.cfs_quota_us", _PERIOD_US)
        else:
            _write(folder / "pids.max", processes)


def _create_v2(group: ControlGroup, name: str, memory: int, processes: int) -> None:
    # Directly below the root: a group that contains processes, as ours does, cannot delegate controllers.
    folder = _ROOT / name
    with contextlib.suppress(OSError):
        folder.mkdir()
        group.folders.append(folder)
        group.files["cpu.stat"] = folder / "cpu.stat"
        with contextlib.suppress(OSError):
            (_ROOT / "cgroup.subtree_control").write_text("+memory +pids +cpu")
        _write(folder / "memory.max", memory)
        with contextlib.suppress(OSError):
            _write(folder / "memory.swap.max", 0)
        group.files["memory.events"] = folder / "memory.events"
        _write(folder / "pids.max", processes)
        (folder / "cpu.max").write_text(f"{_PERIOD_US} {_PERIOD_US}", encoding="ascii")


def _own(kind: str) -> str:
    """Return our own group's path in one hierarchy, relative to its mount."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, kinds, path = line.split(":", 2)
        if kind in kinds.split(",") and (_ROOT / kind / path.lstrip("/")).is_dir():
            return path.lstrip("/")
    return ""


def _write(path: Path, value: int) -> None:
    path.write_text(str(value), encoding="ascii")
