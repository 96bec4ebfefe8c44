"""What a piece of work costs: wall time, CPU of this process, its children, the containers and the engine, peak memory."""

import contextlib
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from bench import resident

from ssd_harness.plugins.docker.sandbox import DockerSandbox

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Seconds and bytes; filled when the work is done."""

    wall_s: float = 0.0
    host_s: float = 0.0
    """CPU of this process."""
    children_s: float = 0.0
    """CPU of its children that have ended."""
    containers_s: float = 0.0
    engine_s: float = 0.0
    """CPU of the engine's daemons, whatever else they had to do meanwhile."""
    peak: int = 0
    """Largest resident size of this process while the work was done."""

    @property
    def cpu_s(self):
        """Return all CPU seconds together."""
        return self.host_s + self.children_s + self.containers_s + self.engine_s


@contextlib.contextmanager
def measured(sandbox=None):
    """Yield a :class:`Cost` that is filled on leaving; containers and engine count with a :class:`MeteredDocker`."""
    cost = Cost()
    resident.forget_peak()
    wall, host, children, engine = time.perf_counter(), _own(), _children(), _daemons()
    yield cost
    cost.wall_s = time.perf_counter() - wall
    cost.host_s, cost.children_s = _own() - host, _children() - children
    cost.peak = resident.peak_bytes()
    if sandbox is not None:
        cost.containers_s, shims = sandbox.take()
        cost.engine_s = _daemons() - engine + shims


class MeteredDocker(DockerSandbox):
    """Docker slots that note their CPU time before they go."""

    def __init__(self):
        super().__init__()
        self._used = []

    def open_slot(self, stop=None):
        slot = super().open_slot(stop)
        stream, close = slot._stream, slot._stream.close

        def metered_close():
            with contextlib.suppress(Exception):
                self._used.append(_container(stream._api, stream.id))
            close()

        stream.close = metered_close
        return slot

    def take(self):
        """Return the CPU seconds of the containers that have ended, and of their keepers in the engine."""
        used, self._used = self._used, []
        return sum(container for container, _ in used), sum(shim for _, shim in used)


def _container(api, name):
    stats = api.stats(name, stream=False, one_shot=True)
    pid = api.inspect_container(name)["State"]["Pid"]
    shim = 0.0
    with contextlib.suppress(OSError):  # an engine elsewhere
        shim = _ticks(int(_stat(pid)[1]))
    return stats["cpu_stats"]["cpu_usage"]["total_usage"] * 1e-9, shim


def _stat(pid):
    """Return the fields of ``/proc/PID/stat`` behind the name."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def _ticks(pid):
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICK


def _daemons():
    total = 0.0
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if folder.name.isdecimal() and (folder / "comm").read_text().strip() in ("dockerd", "containerd"):
                total += _ticks(int(folder.name))
    return total


def _own():
    return time.process_time()


def _children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
