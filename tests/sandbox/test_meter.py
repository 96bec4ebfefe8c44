import os
import subprocess
import sys
import time

import pytest

from ssd_harness.sandbox.worker import meter
from ssd_harness.sandbox.worker.meter import Meter


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Control group files as the kernel writes them, instead of this machine's own; ``groups(name, text)`` adds one."""
    for name in ("_V1_CPU", "_V2_CPU", "_V1_KILLS", "_V2_KILLS"):
        monkeypatch.setattr(meter, name, str(tmp_path / os.path.basename(getattr(meter, name))))  # noqa: PTH119
    return lambda name, text: (tmp_path / name).write_text(text)


@pytest.fixture
def other():
    """A process that idles in the zygote's place."""
    process = subprocess.Popen(["sleep", "600"])
    yield process.pid
    process.kill()
    process.wait()


def own(pid):
    return time.process_time() + time.clock_gettime(meter._clock(pid))


def test_version_1_counts_the_group_without_ourselves(groups, other):
    groups("cpuacct.usage", "1000000000000\n")
    groups("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    counted = Meter(other, {})
    assert counted.kind == "cgroup v1"
    assert counted.cpu_s() == pytest.approx(1000 - own(other), abs=0.5)
    assert counted.memory_kills() == 3


def test_version_2_counts_the_group_without_ourselves(groups, other):
    groups("cpu.stat", "usage_usec 1000000000\nuser_usec 1\nsystem_usec 2\n")
    groups("memory.events", "low 0\nhigh 0\nmax 0\noom 2\noom_kill 1\n")
    counted = Meter(other, {})
    assert counted.kind == "cgroup v2"
    assert counted.cpu_s() == pytest.approx(1000 - own(other), abs=0.5)
    assert counted.memory_kills() == 1


def test_the_whole_machines_counter_is_not_taken_for_the_slots(groups, other):
    groups("cpu.stat", "usage_usec 1000000000\n")
    assert Meter(other, {}).kind == "process clocks"


def test_given_descriptors_go_before_the_machines_files(groups, other, tmp_path):
    groups("cpuacct.usage", "1000000000000\n")
    (tmp_path / "given").write_text("2000000000000\n")
    fd = os.open(tmp_path / "given", os.O_RDONLY)
    assert Meter(other, {"cpuacct.usage": fd}).cpu_s() == pytest.approx(2000 - own(other), abs=0.5)
    os.close(fd)


LIVING = """
import subprocess, sys, time
from ssd_harness.sandbox.worker import meter
for name in ("_V1_CPU", "_V2_CPU", "_V1_KILLS", "_V2_KILLS"):
    setattr(meter, name, "/nowhere")
zygote = subprocess.Popen(["sleep", "600"])
counted = meter.Meter(zygote.pid, {})
before = counted.cpu_s()
subprocess.Popen([sys.executable, "-c", "while True: pass"])
time.sleep(1)
print(counted.kind, counted.memory_kills(), counted.cpu_s() - before, sep=",")
"""


def test_without_a_group_the_living_are_counted():
    """In a PID namespace of its own, as the worker is: on the whole machine others end meanwhile."""
    if os.geteuid() != 0:
        pytest.skip("a PID namespace needs root")
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", LIVING]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kind, kills, used = said.strip().split(",")
    assert (kind, kills) == ("process clocks", "0")
    assert 0.1 < float(used) < 1.5
