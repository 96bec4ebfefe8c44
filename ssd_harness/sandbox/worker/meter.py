"""Measure programs from outside: CPU time of the slot without our own two processes, and out-of-memory kills.

If the host passes the files of a control group (the process sandbox, if it could create one), the group's counter
includes every descendant, whatever it does to hide. Otherwise, and in Docker, whose programs must not read the group's
files either, the meter adds up three things: the CPU clocks of all existing processes, the CPU time of the children
that these have waited for, and the CPU time of the processes that the zygote has reaped. No process can escape this
sum: the filter refuses siblings, which would be the zygote's children, and ignoring a child's end; and orphans become
children of the zygote.
"""

import contextlib
import os
import time

_V1_CPU, _V2_CPU = "cpuacct.usage", "cpu.stat"
_V1_KILLS, _V2_KILLS = "memory.oom_control", "memory.events"
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_ATTEMPTS = 3


def _clock(pid: int) -> int:
    """Return the id of the CPU clock of process ``pid``, as clock_getcpuclockid(3) does."""
    return (~pid << 3) | 2


def _waited_s(pid: int) -> float:
    """Return the CPU seconds of the descendants that process ``pid`` has waited for; raises OSError."""
    fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fields = os.read(fd, 4096).rpartition(b")")[2].split()
    finally:
        os.close(fd)
    return (int(fields[13]) + int(fields[14])) * _TICK_S


def _field(fd: int, name: bytes) -> int | None:
    for line in os.pread(fd, 4096, 0).splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    return None


class Meter:
    """Reads the slot's CPU time and its out-of-memory kills."""

    def __init__(self, zygote: int, files: dict[str, int]) -> None:
        """Take the zygote's pid and the descriptors of the control group files that the host opened, if any."""
        self._zygote = zygote
        self._v1 = files.get(_V1_CPU)
        self._v2 = files.get(_V2_CPU) if self._v1 is None else None
        self._kills = [files[name] for name in (_V1_KILLS, _V2_KILLS) if name in files]
        self.kind = "cgroup v1" if self._v1 is not None else "cgroup v2" if self._v2 is not None else "process clocks"
        self.cpus = len(os.sched_getaffinity(0))
        """How many CPU seconds programs can use in one second at most."""

    @staticmethod
    def counts_children(files: dict[str, int]) -> bool:
        """Whether CPU time is known from the processes alone, without a control group."""
        return _V1_CPU not in files and _V2_CPU not in files

    def cpu_s(self) -> float:
        """Return the CPU seconds of all programs so far; only differences are meaningful."""
        if self._v1 is not None:
            used = int(os.pread(self._v1, 32, 0)) * 1e-9
        elif self._v2 is not None:
            used = (_field(self._v2, b"usage_usec") or 0) * 1e-6
        else:
            return self._sum_of_processes()
        return used - time.process_time() - time.clock_gettime(_clock(self._zygote))

    def memory_kills(self) -> int:
        """Return how often the kernel killed a process of this slot for memory; 0 if it does not say."""
        return sum(_field(fd, b"oom_kill") or 0 for fd in self._kills)

    def _sum_of_processes(self) -> float:
        """Add up all processes; repeat if some came or went meanwhile, because one could count twice or not at all."""
        total, before = 0.0, self._programs()
        for _ in range(_ATTEMPTS):
            total = _waited_s(self._zygote)
            for pid in before:
                with contextlib.suppress(OSError):
                    total += time.clock_gettime(_clock(pid)) + _waited_s(pid)
            now = self._programs()
            if now == before:
                break
            before = now
        return total

    def _programs(self) -> list[int]:
        """Return the pids of all processes but our own two, usually parents before children."""
        pids = (int(name) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - bare names are wanted
        return sorted(pid for pid in pids if pid not in (1, self._zygote))
