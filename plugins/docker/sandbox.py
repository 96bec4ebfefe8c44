"""Slots in Docker containers: no network, no mounts from the host, read-only root, the share of one core.

The sandbox uses the same engine as the ``docker`` command (:mod:`ssd_harness.plugins.docker.engine_address`); podman's
Docker-compatible socket works as well.
"""

import contextlib
import os
import select
import socket
import threading
import time
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.types import Ulimit

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.plugins.docker import engine
from ssd_harness.plugins.docker import image as docker_image
from ssd_harness.plugins.docker.engine_address import Address
from ssd_harness.sandbox import leases
from ssd_harness.sandbox.image import contents
from ssd_harness.sandbox.interface import ImageMissing, Limits, Slot, SlotLost
from ssd_harness.sandbox.slots import OpenSlots, SlotConnection
from ssd_harness.sandbox.worker import scratch
from ssd_harness.sandbox.worker.environment import ENVIRONMENT

_ARCHITECTURES = ("amd64", "arm64")
_STDOUT = 1
_STREAM_HEADER = 8
_READ = 1 << 18
_STDERR_TAIL = 2000
_OWN_MEMORY = 1 << 30
"""Memory of a slot beyond one program's address space: inputs, pipes and the worker itself."""
_MOUNTED = {
    **dict.fromkeys(("/var/tmp", "/run"), "ro,size=4k"),  # noqa: S108 - podman mounts them writable
    "/dev": "ro,dev,nosuid,noexec,mode=755,size=64k",
    **dict.fromkeys(scratch.FOLDERS, scratch.MOUNT_OPTIONS),
}
"""The program's own folders, and empty ones that cover what it could write to otherwise. ``/dev`` keeps its devices.
It is read-only, so it records no access times, and it replaces the engine's, so it has no queues and terminals."""
_HIDDEN = (
    # What Docker hides by default; a list of our own replaces its list.
    *("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"),
    *("/proc/timer_stats", "/proc/sched_debug", "/proc/scsi"),
    # What reveals the host or earlier programs: the kernel's command line, counters of machine, slot and worker.
    # Where Landlock works, programs cannot read them anyway.
    *("/proc/buddyinfo", "/proc/bus", "/proc/cgroups", "/proc/cmdline", "/proc/diskstats", "/proc/driver", "/proc/fs"),
    *("/proc/interrupts", "/proc/irq", "/proc/key-users", "/proc/loadavg", "/proc/locks", "/proc/meminfo"),
    *("/proc/pagetypeinfo", "/proc/partitions", "/proc/pressure", "/proc/schedstat", "/proc/slabinfo"),
    *("/proc/softirqs", "/proc/stat", "/proc/swaps", "/proc/sys", "/proc/sysvipc", "/proc/tty", "/proc/uptime"),
    *("/proc/vmallocinfo", "/proc/vmstat", "/proc/zoneinfo", "/sys"),
)
_READ_ONLY = ("/proc/sysrq-trigger",)
_ULIMITS = {"nofile": 256, "core": 1, "nproc": 1024}  # core: see the zygote; 0 stops no pipe
MEMORY = Limits().memory + scratch.MEMORY + _OWN_MEMORY

_STARTING_S = 60.0
"""Seconds that a container may take from its creation to its start."""


class _ContainerStream:
    """The standard streams of one container, as the engine multiplexes them over one socket."""

    def __init__(self, api: docker.APIClient, options: dict[str, Any]) -> None:
        self._api = api
        self._raw = bytearray()
        self._stderr = bytearray()
        try:
            self.id: str = api.create_container(**options)["Id"]
        except BaseException:
            api.close()
            raise
        try:
            # Attached before the start, so that no byte is lost and the worker sees the end of input when we die.
            self._wrapper = api.attach_socket(
                self.id, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "logs": 0}
            )
            self._socket = getattr(self._wrapper, "_sock", self._wrapper)
            self._poll = self._poller()
            api.start(self.id)
        except BaseException:
            self.close()
            raise

    def _poller(self) -> "select.poll | None":
        """Return a poll for room to send and for the end of output; None if the stream is not a system socket."""
        if not isinstance(self._socket, socket.socket):
            return None
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT | select.POLLRDHUP)
        return poll

    def send(self, data: bytes | memoryview, timeout_s: float) -> None:
        """Send all of ``data``.

        An engine accepts input for a dead container and blocks once its buffers are full. It closes its own side of the
        stream at once, however, so this method watches for that.
        """
        try:
            self._socket.settimeout(timeout_s)
            if self._poll is None:
                self._socket.sendall(data)
                return
            view = memoryview(data)
            while view:
                events = self._poll.poll(timeout_s * 1000)
                if not events:
                    raise self._lost(f"takes no input for {timeout_s:.0f} s")
                if events[0][1] != select.POLLOUT:
                    raise self._lost("the container is gone")
                view = view[self._socket.send(view) :]
        except OSError as error:
            raise self._lost(f"cannot send: {error}") from error

    def receive(self, timeout_s: float) -> bytes:
        """Return the next bytes of the worker's standard output."""
        end = time.monotonic() + timeout_s
        while True:
            data = self._demultiplex()
            if data:
                return data
            try:
                self._socket.settimeout(max(0.001, end - time.monotonic()))
                piece = self._socket.recv(_READ)
            except OSError as error:
                raise self._lost(f"no answer: {error}") from error
            if not piece:
                raise self._lost("the container is gone")
            self._raw += piece

    def _demultiplex(self) -> bytes:
        """Return the complete blocks that have arrived; keep the tail of the worker's standard error."""
        out = bytearray()
        start, raw = 0, self._raw
        while len(raw) - start >= _STREAM_HEADER:
            end = start + _STREAM_HEADER + int.from_bytes(raw[start + 4 : start + _STREAM_HEADER], "big")
            if end > len(raw):
                break
            block = raw[start + _STREAM_HEADER : end]
            if raw[start] == _STDOUT:
                out += block
            else:
                self._stderr += block
                del self._stderr[:-_STDERR_TAIL]
            start = end
        del raw[:start]
        return bytes(out)

    def _lost(self, what: str) -> SlotLost:
        lines = self._stderr.decode("utf-8", "backslashreplace").strip().splitlines()
        return SlotLost(f"{what} ({lines[-1]})" if lines else what, where=f"container {self.id[:12]}")

    def close(self) -> None:
        """Kill and remove the container."""
        with contextlib.suppress(Exception):
            self._wrapper.close()
        with contextlib.suppress(DockerException, OSError):
            self._api.remove_container(self.id, force=True)
        self._api.close()


class DockerSandbox(OpenSlots):
    """Opens slots as containers of the sandbox's image."""

    name = "docker"

    def __init__(self, *, runtime: str | None = None, memory: int = MEMORY) -> None:
        """Set the OCI runtime (default: ``SSD_HARNESS_RUNTIME``, else the engine's) and a slot's memory in bytes."""
        super().__init__()
        self.runtime = runtime or os.environ.get("SSD_HARNESS_RUNTIME") or None
        self.memory = memory
        self._address: Address | None = None
        self._checked: dict[str, Any] | None = None

    # -- the engine ---

    def engine(self) -> docker.APIClient:
        """Return a client of the engine that was found first; a later change of the environment has no effect."""
        if self._address is None:
            self._address = engine.chosen()
        return engine.connect(self._address)

    def check(self) -> None:
        """Raise a one-line error unless the engine answers, is supported, and has the image of the installed worker."""
        api = self.engine()
        try:
            version = api.version()
            architecture = version.get("Arch", "")
            if architecture not in _ARCHITECTURES:
                raise InfrastructureError(
                    f"there is no seccomp filter for {architecture}",
                    where="the Docker engine's machine",
                    next_step=f"use a machine of {' or '.join(_ARCHITECTURES)}",
                )
            if self.runtime and self.runtime not in (api.info().get("Runtimes") or {self.runtime: {}}):
                raise UsageError(
                    f"the engine has no runtime {self.runtime!r}", next_step="register it with the engine, or unset it"
                )
            try:
                image = api.inspect_image(docker_image.tag())
            except ImageNotFound as error:
                raise ImageMissing(
                    "the sandbox's image is not built, or belongs to another version",
                    where=docker_image.tag(),
                    next_step="run `ssd-harness sandbox build`",
                ) from error
        except (DockerException, OSError) as error:
            raise InfrastructureError(
                f"the Docker engine fails: {error}", where="check", next_step="look at the engine's own log"
            ) from error
        finally:
            api.close()
        self._checked = {
            "image": image["Id"],
            "engine": version.get("Version", ""),
            "api": version.get("ApiVersion", ""),
        }

    def build(self, *, fresh: bool = False) -> str:
        """Build the image and return its id; ``fresh`` ignores earlier builds."""
        api = self.engine()
        try:
            return docker_image.build(api, fresh=fresh)
        finally:
            api.close()

    def prune(self, *, everything: bool = False) -> list[str]:
        """Remove our stopped containers and the images of other versions; return their names.

        ``everything`` includes this version's image. The engine refuses to remove what is in use.
        """
        api = self.engine()
        removed = []
        try:
            ours = {"label": docker_image.LABEL}
            for container in api.containers(all=True, filters=ours):
                starting = container["State"] == "created" and time.time() - container["Created"] < _STARTING_S
                if container["State"] != "running" and not starting:
                    with contextlib.suppress(APIError):
                        api.remove_container(container["Id"])
                        removed.append(f"container {container['Id'][:12]}")
            keep = set() if everything else {docker_image.tag(), docker_image.packages_tag()}
            for image in api.images(filters=ours):
                for name in image["RepoTags"] or []:
                    if name not in keep and name.startswith(docker_image.REPOSITORY):
                        with contextlib.suppress(APIError):
                            api.remove_image(name)
                            removed.append(f"image {name}")
        finally:
            api.close()
        return removed

    # -- slots ---

    def open_slot(self, stop: threading.Event | None = None) -> Slot:
        """Open one slot; block while all of the host's slots are leased, until ``stop`` is set."""
        if self._checked is None:
            self.check()
        assert self._checked is not None
        lease = leases.acquire(stop)
        try:
            api = self.engine()
            stream = _ContainerStream(api, self._container(api, lease, self._checked["image"]))
        except (DockerException, OSError) as error:
            lease.release()
            raise SlotLost(f"cannot start a container: {error}", where=f"slot {lease.index}") from error
        except BaseException:
            lease.release()
            raise
        return self.keep(SlotConnection(f"docker-{stream.id[:12]}", stream, lease, {"memory": self.memory}))

    def _container(self, api: docker.APIClient, lease: leases.Lease, image: str) -> dict[str, Any]:
        host = api.create_host_config(
            network_mode="none",
            ipc_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            cap_add=["SETUID", "SETGID"],
            security_opt=["no-new-privileges"],
            mem_limit=self.memory,
            memswap_limit=self.memory,
            pids_limit=256,
            # One core's share, on whichever core: pinning to one was a fifth slower beside other load.
            nano_cpus=10**9,
            tmpfs=_MOUNTED,
            # nproc: podman would request the maximum, which some daemons may not grant. Programs have their own limit.
            ulimits=[Ulimit(name=name, soft=most, hard=most) for name, most in _ULIMITS.items()],
            log_config={"type": "none"},
            auto_remove=True,
            runtime=self.runtime,
        )
        host |= {"MaskedPaths": list(_HIDDEN), "ReadonlyPaths": list(_READ_ONLY), "CgroupnsMode": "private"}
        return {
            "image": image,
            # Otherwise the client would pass the proxies of its configuration, with passwords, to the container.
            "use_config_proxy": False,
            "environment": ENVIRONMENT,
            "hostname": "sandbox",
            "stdin_open": True,
            "tty": False,
            "user": "0:0",
            "network_disabled": True,
            "host_config": host,
            "labels": {docker_image.LABEL: "slot", "ssd-harness.slot": str(lease.index)},
        }

    def describe(self) -> dict[str, Any]:
        """Return what results record about where their programs ran."""
        if self._checked is None:
            self.check()
        assert self._checked is not None
        assert self._address is not None
        return {
            "sandbox": self.name,
            "isolation": "container: no network, read-only root, no capabilities, seccomp, own uid, bounded memory",
            "weaker": False,
            **self._checked,
            "engine_chosen_by": self._address.chosen_by,
            "fingerprint": contents.fingerprint(),
            "packages": contents.packages(),
            "runtime": self.runtime or "default",
            "slot_memory": self.memory,
        }
