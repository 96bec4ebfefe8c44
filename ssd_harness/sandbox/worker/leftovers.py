"""Kill and reap everything that a program left running, and prove that nothing is left.

The zygote is a subreaper, so every orphan of the slot becomes its child: when ``waitpid`` finds no children, no
descendant of any program is alive. The zygote has no right to kill another user's processes, so it takes the program's
effective uid for a moment. Its real and saved uid stay 0, so no program can signal it meanwhile.
"""

import os
import signal
import time
from dataclasses import dataclass

_PATIENCE_S = 30.0
"""How long the kernel may take to remove processes; large ones take a while on a busy machine."""


@dataclass(slots=True)
class Usage:
    """Resources used by all reaped processes of one program together."""

    cpu_s: float = 0.0
    peak: int = 0
    """Largest resident size of any single process, in bytes."""
    peaks: int = 0
    """Sum of the largest resident sizes of all processes, in bytes."""

    def add(self, usage: "os.struct_rusage") -> None:  # type: ignore[name-defined]
        """Add one reaped process."""
        self.cpu_s += usage.ru_utime + usage.ru_stime
        self.peak = max(self.peak, usage.ru_maxrss << 10)
        self.peaks += usage.ru_maxrss << 10


def kill_all(uid: int) -> None:
    """Send SIGKILL to every process of ``uid``; the kernel spares process 1, the broker, and the caller."""
    os.setresuid(0, uid, 0)
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.setresuid(0, 0, 0)


def reap(usage: Usage) -> tuple[dict[int, int], bool]:
    """Reap the dead children; return their exit statuses by pid, and whether any child is still alive."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status, resources = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return ended, False
        if pid == 0:
            return ended, True
        ended[pid] = status
        usage.add(resources)


def sweep(uid: int, usage: Usage) -> bool:
    """Kill and reap until no process is left; return whether that succeeded. SIGCHLD must be blocked."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        kill_all(uid)
        if not reap(usage)[1]:
            return True
        signal.sigtimedwait((signal.SIGCHLD,), 0.05)
    return False
