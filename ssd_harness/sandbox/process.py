"""The sandbox for machines without a container engine: the same worker in its own namespaces; used only on request.

It is weaker than a container: it lacks the engine's seccomp profile and mandatory access control below ours, and the
masked paths in ``/proc``. It needs root, and if no control group can be created, nothing bounds the memory of all
processes of a program together.
"""

import contextlib
import json
import os
import platform
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.sandbox import control_group, launcher, leases
from ssd_harness.sandbox.image import contents, root_folder
from ssd_harness.sandbox.interface import ImageMissing, Limits, Slot, SlotLost
from ssd_harness.sandbox.slots import OpenSlots, SlotConnection
from ssd_harness.sandbox.worker import scratch, seccomp
from ssd_harness.sandbox.worker.environment import ENVIRONMENT

MEMORY = Limits().memory + scratch.MEMORY + (1 << 30)
_PROCESSES = 256
_READ = 1 << 18
_CAP_SYS_ADMIN = 21

_warned = False


class _ProcessStream:
    """Pipes to a worker that the launcher started."""

    def __init__(self, root: Path, group: control_group.ControlGroup) -> None:
        self._group = group
        self._resources = contextlib.ExitStack()
        self._resources.enter_context(root_folder.in_use(root))
        files = sorted(group.files)
        self.files = {name: number for number, name in enumerate(files, launcher.FIRST_FILE)}
        plan = {
            "root": str(root),
            "groups": [str(folder) for folder in group.folders],
            "files": [str(group.files[name]) for name in files],
            "environment": ENVIRONMENT,
            "scratch": dict.fromkeys(scratch.FOLDERS, scratch.MOUNT_OPTIONS),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-I", launcher.__file__, json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._stderr = self._process.stderr.fileno()
        os.set_blocking(self._stdin, False)
        os.set_blocking(self._stderr, False)

    def send(self, data: bytes | memoryview, timeout_s: float) -> None:
        """Send all of ``data``."""
        view = memoryview(data)
        while view:
            self._wait(self._stdin, select.POLLOUT, timeout_s)
            try:
                view = view[os.write(self._stdin, view) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._lost("the worker has exited") from error

    def receive(self, timeout_s: float) -> bytes:
        """Return the next bytes."""
        self._wait(self._stdout, select.POLLIN, timeout_s)
        data = os.read(self._stdout, _READ)
        if not data:
            raise self._lost("the worker has exited")
        return data

    def _wait(self, fd: int, events: int, timeout_s: float) -> None:
        poll = select.poll()
        poll.register(fd, events)
        if not poll.poll(timeout_s * 1000):
            raise self._lost(f"the worker did not answer within {timeout_s:.0f} s")

    def _lost(self, what: str) -> SlotLost:
        stderr = ""
        with contextlib.suppress(OSError):
            stderr = os.read(self._stderr, _READ).decode("utf-8", "backslashreplace").strip()
        return SlotLost(f"{what} ({stderr.splitlines()[-1]})" if stderr else what, where=f"process {self._process.pid}")

    def close(self) -> None:
        """Kill process 1 of the namespaces, and with it all others."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            # Its child dies with it; a process that is stuck in the kernel is not worth waiting for.
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        self._group.remove()
        self._resources.close()


class ProcessSandbox(OpenSlots):
    """Opens slots as local processes in their own namespaces."""

    name = "process"

    def __init__(self, *, memory: int = MEMORY) -> None:
        """Set a slot's memory limit in bytes."""
        super().__init__()
        self.memory = memory
        self._checked = False
        self._bounds_memory: bool | None = None

    def check(self) -> None:
        """Raise a one-line error unless machine, user and root file system are suitable."""
        machine = platform.machine()
        if sys.platform != "linux" or machine not in seccomp.SUPPORTED:
            raise InfrastructureError(
                f"the seccomp filter does not support {machine}",
                where="process sandbox",
                next_step=f"use Linux on {' or '.join(seccomp.SUPPORTED)}",
            )
        if not _may_make_namespaces():
            raise UsageError(
                "the process sandbox needs root and CAP_SYS_ADMIN to create namespaces",
                next_step="run as root, or use the Docker sandbox",
            )
        root = root_folder.root_folder()
        if not root.exists():
            raise ImageMissing(
                "the process sandbox's root file system is missing or belongs to another version",
                where=root,
                next_step="run `ssd-harness sandbox build --sandbox process`",
            )
        self._checked = True

    def build(self, *, fresh: bool = False) -> str:
        """Build the root file system and return its path; ``fresh`` rebuilds everything."""
        return str(root_folder.build(fresh=fresh))

    def prune(self, *, everything: bool = False) -> list[str]:
        """Remove unused root file systems of other versions, and with ``everything`` also this version's."""
        return [str(folder) for folder in root_folder.prune(everything=everything)]

    def open_slot(self, stop: threading.Event | None = None) -> Slot:
        """Open one slot; block while all slots of the host are leased, or until ``stop`` is set."""
        if not self._checked:
            self.check()
        _warn()
        lease = leases.acquire(stop)
        group = control_group.create(self.memory, _PROCESSES)
        self._bounds_memory = group.bounds_memory
        try:
            stream = _ProcessStream(root_folder.root_folder(), group)
        except BaseException as error:
            group.remove()
            lease.release()
            if isinstance(error, OSError):
                raise SlotLost(f"cannot start the worker: {error}", where=f"slot {lease.index}") from error
            raise
        config = {"files": stream.files, "memory": self.memory if group.bounds_memory else 0}
        return self.keep(SlotConnection(f"process-{lease.index}", stream, lease, config))

    def describe(self) -> dict[str, Any]:
        """Return provenance for results: isolation, fingerprint, packages and memory limit."""
        if not self._checked:
            self.check()
        if self._bounds_memory is None:
            group = control_group.create(self.memory, _PROCESSES)
            self._bounds_memory = group.bounds_memory
            group.remove()
        return {
            "sandbox": self.name,
            "isolation": "namespaces, read-only root, no capabilities, seccomp, own uid; weaker than a container",
            "weaker": True,
            "image": None,
            "fingerprint": contents.fingerprint(),
            "packages": contents.packages(),
            "runtime": None,
            "slot_memory": self.memory if self._bounds_memory else None,
        }


def _may_make_namespaces() -> bool:
    """Whether this process is root and has CAP_SYS_ADMIN."""
    if os.geteuid() != 0:
        return False
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> _CAP_SYS_ADMIN & 1)


def _warn() -> None:
    global _warned  # noqa: PLW0603 - one warning per process is enough
    if not _warned:
        _warned = True
        print(
            "ssd-harness: warning: the process sandbox isolates programs less than Docker does; results will say so",
            file=sys.stderr,
        )
