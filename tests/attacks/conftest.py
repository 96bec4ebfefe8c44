"""Make the corpus importable by the tests beside it, and keep a list of the slots that a test opens."""

import contextlib
import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


class WatchedSandbox:
    """Hands everything on to a sandbox and remembers the slots that were opened through it."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self.slots = []
        self.given_away = set()
        self.began = None
        """When the first slot was there; waiting for it is nobody's fault."""

    def __getattr__(self, name):
        return getattr(self._sandbox, name)

    def open_slot(self, stop=None):
        """Open a slot and note it."""
        slot = self._sandbox.open_slot(stop)
        self.began = self.began or time.monotonic()
        self.slots.append(slot)
        asked = slot.give_way

        def give_way(served):
            if given := asked(served):
                self.given_away.add(slot.name)
            return given

        slot.give_way = give_way
        return slot

    @property
    def needed(self):
        """Return how many slots were opened, without those that replaced one given to another run of this machine."""
        return len(self.slots) - len(self.given_away)

    def leaked(self):
        """Return what is left of the slots: containers, launchers and control groups; engines take a moment to remove."""
        names = {slot.name.removeprefix("docker-") for slot in self.slots}
        for _ in range(50):
            left = [*_containers(names), *_launchers(), *_groups()]
            if not left:
                break
            time.sleep(0.1)
        return left


def _containers(names):
    if not any(slot.isalnum() for slot in names):
        return []
    docker = pytest.importorskip("docker")
    with contextlib.closing(docker.APIClient(version="auto")) as engine:
        return [found["Id"] for found in engine.containers(all=True) if found["Id"][:12] in names]


def _launchers():
    mine = str(os.getpid())
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
            if parent == mine and b"launcher" in (folder / "cmdline").read_bytes():
                found.append(folder.name)
    return found


def _groups():
    return [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/ssd-harness-{os.getpid()}-*") if path.is_dir()]


@pytest.fixture(scope="session")
def watched():
    """Wrap a sandbox so that its slots are remembered."""
    return WatchedSandbox
