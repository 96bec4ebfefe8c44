"""What programs use, read from outside: CPU of the slot without our own two processes, and kills for memory.

Where the slot's control group is readable (Docker, and the process sandbox where it could make one), its counter
holds every descendant, whatever it did to hide. Elsewhere the CPU clocks of the living processes are added up, and
what they leave behind is known when the zygote has reaped them.
"""

import contextlib
import os
import time

_V1_CPU, _V2_CPU = "/sys/fs/cgroup/cpuacct/cpuacct.usage", "/sys/fs/cgroup/cpu.stat"
_V1_KILLS, _V2_KILLS = "/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"


def _clock(pid: int) -> int:
    """Return the id of another process's CPU clock, as clock_getcpuclockid(3) does."""
    return (~pid << 3) | 2


def _open(path: str, files: dict[str, int]) -> int | None:
    """Return the descriptor given for the file, else one of our own, None where there is no such file."""
    given = files.get(os.path.basename(path))  # noqa: PTH119 - pathlib would be the only reason to import it
    if given is not None:
        return given
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _field(fd: int, name: bytes) -> int | None:
    for line in os.pread(fd, 4096, 0).splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    return None


class Meter:
    """Reads the slot's CPU time and out-of-memory kills."""

    def __init__(self, zygote: int, files: dict[str, int]) -> None:
        """Take descriptors of control group files that were opened before the root changed, if there are any."""
        self._zygote = _clock(zygote)
        self._own = {1, zygote}
        self._v1 = _open(_V1_CPU, files)
        events = _open(_V2_KILLS, files)
        # The root group has no such events: without them this is the whole machine's counter, not the slot's.
        self._v2 = _open(_V2_CPU, files) if events is not None and self._v1 is None else None
        self._kills = [fd for fd in (_open(_V1_KILLS, files), events) if fd is not None]
        self.kind = "cgroup v1" if self._v1 is not None else "cgroup v2" if self._v2 is not None else "process clocks"
        self.cpus = len(os.sched_getaffinity(0))
        """How many CPU seconds programs can use up in one second, at most."""

    def cpu_s(self) -> float:
        """Return the CPU seconds of all programs so far; only differences mean anything."""
        if self._v1 is not None:
            used = int(os.pread(self._v1, 32, 0)) * 1e-9
        elif self._v2 is not None:
            used = (_field(self._v2, b"usage_usec") or 0) * 1e-6
        else:
            return self._living()
        return used - time.process_time() - time.clock_gettime(self._zygote)

    def memory_kills(self) -> int:
        """Return how often the kernel has killed for memory in this slot; 0 where it does not say."""
        return sum(_field(fd, b"oom_kill") or 0 for fd in self._kills)

    def _living(self) -> float:
        total = 0.0
        for name in os.listdir("/proc"):  # noqa: PTH208 - bare names are what is wanted
            if name.isdecimal() and int(name) not in self._own:
                with contextlib.suppress(OSError):
                    total += time.clock_gettime(_clock(int(name)))
        return total
