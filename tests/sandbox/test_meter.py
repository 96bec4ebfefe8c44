import os
import subprocess
import sys
import time

import pytest

from ssd_harness.sandbox.worker import meter
from ssd_harness.sandbox.worker.meter import Meter

pytestmark = pytest.mark.process


@pytest.fixture
def groups(tmp_path):
    """Control group files as the kernel writes them: ``groups({name: text})`` gives open descriptors by name."""
    opened = []

    def make(texts):
        files = {}
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
            files[name] = os.open(tmp_path / name, os.O_RDONLY)
        opened.extend(files.values())
        return files

    yield make
    for fd in opened:
        os.close(fd)


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
    oom_control = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
    counted = Meter(other, groups({"cpuacct.usage": "1000000000000\n", "memory.oom_control": oom_control}))
    assert counted.kind == "cgroup v1"
    assert counted.cpu_s() == pytest.approx(1000 - own(other), abs=0.5)
    assert counted.memory_kills() == 3


def test_version_2_counts_the_group_without_ourselves(groups, other):
    stat = "usage_usec 1000000000\nuser_usec 1\nsystem_usec 2\n"
    counted = Meter(other, groups({"cpu.stat": stat, "memory.events": "low 0\nhigh 0\nmax 0\noom 2\noom_kill 1\n"}))
    assert counted.kind == "cgroup v2"
    assert counted.cpu_s() == pytest.approx(1000 - own(other), abs=0.5)
    assert counted.memory_kills() == 1


OF_PROCESSES = """
import os, subprocess, sys, time
from ssd_harness.sandbox.worker import meter
zygote = subprocess.Popen([sys.executable, "-c", '''
import os, time
def burn():
    end = time.process_time() + 0.4
    while time.process_time() < end: pass
if os.fork() == 0:  # one that its parent has waited for
    if os.fork() == 0:
        burn()
        os._exit(0)
    os.wait()
    time.sleep(600)
if os.fork() == 0:  # one that is dead and that nobody has waited for
    burn()
    os._exit(0)
if os.fork() == 0:
    burn()
    os._exit(0)
os.wait()  # one that the zygote has reaped
print("ready", flush=True)
time.sleep(600)
'''], stdout=subprocess.PIPE)
counted = meter.Meter(zygote.pid, {})
zygote.stdout.readline()
end = time.monotonic() + 30
while counted.cpu_s() < 1.1 and time.monotonic() < end:
    time.sleep(0.1)
print(counted.kind, counted.memory_kills(), counted.cpu_s(), sep=",")
"""


def test_without_a_group_nobody_is_missing():
    """In a PID namespace of its own, as the worker is: on the whole machine others end meanwhile."""
    if os.geteuid() != 0:
        pytest.skip("a PID namespace needs root")
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", OF_PROCESSES]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kind, kills, used = said.strip().split(",")
    assert (kind, kills) == ("process clocks", "0")
    assert 1.1 < float(used) < 2.0
