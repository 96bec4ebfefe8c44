"""What a program can see of the host, of the slot's worker and of the programs before it, in both sandboxes."""

import json

import pytest
from sandbox.job_results import both_runners, only

from ssd_harness.sandbox.contracts import Runner
from ssd_harness.sandbox.worker.environment import ENVIRONMENT

PASSWORD = "hunter2-of-the-host"


@pytest.mark.parametrize("kind", [pytest.param("docker", marks=pytest.mark.docker), "process"])
def test_the_whole_environment_is_the_one_that_we_list(request, place_of, monkeypatch, tmp_path, kind):
    proxy = f"http://user:{PASSWORD}@proxy.invalid:3128"
    config = {"proxies": {"default": {"httpProxy": proxy, "httpsProxy": proxy, "noProxy": "localhost"}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("HTTPS_PROXY", "HF_TOKEN", "LANG"):
        monkeypatch.setenv(name, PASSWORD)
    slot = request.getfixturevalue(f"{kind}_sandbox").open_slot()
    try:
        shell = "print(open('/proc/self/environ').read(), end='')"
        program = "import json, os, subprocess, sys\nprint(json.dumps([dict(os.environ), "
        program += f"subprocess.run([sys.executable, '-c', {shell!r}], capture_output=True, text=True).stdout]))"
        names, raw = json.loads(only(place_of(slot)(program))[0].output)
    finally:
        slot.close()
    assert names == ENVIRONMENT
    assert dict(entry.split("=", 1) for entry in raw.rstrip("\0").split("\0")) == ENVIRONMENT


FLAGS = """
import ctypes, fcntl, os
libc = ctypes.CDLL(None)
seen = []
for fd in (0, 1, 2, 62, 63):
    try:
        seen += [fcntl.fcntl(fd, 9), fcntl.fcntl(fd, 11), fcntl.fcntl(fd, fcntl.F_GETFL) & 0o22000]
    except OSError:
        pass
for fd in (0, 1, 2, 62, 63):
    try:
        libc.fcntl(fd, 8, os.getpid())
        libc.fcntl(fd, 10, 40)
        libc.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | 0o2000)
    except OSError:
        pass
print(seen)
"""


@both_runners
def test_open_files_carry_nothing_from_program_to_program(place, runner):
    first, second = (only(place(FLAGS, [b""], runner))[0].output for _ in range(2))
    assert first == second
    assert set(json.loads(first)) == {0}


READABLE = """
import json, os
found = []
for path in {paths!r}:
    try:
        if os.path.isdir(path):
            found += [path] * bool(os.listdir(path))
        elif open(path).read(100):
            found.append(path)
    except OSError:
        pass
print(json.dumps(found))
"""
HOSTS = (
    "/proc/cmdline", "/proc/stat", "/proc/loadavg", "/proc/vmstat", "/proc/meminfo", "/proc/diskstats",
    "/proc/interrupts", "/proc/schedstat", "/proc/sys/kernel/random", "/proc/sys/fs",
    "/proc/sys/vm", "/proc/cgroups", "/proc/locks", "/proc/key-users", "/sys/fs/cgroup", "/sys/fs/cgroup/memory",
    "/sys/kernel", "/sys/class", "/proc/1/io", "/proc/1/environ", "/proc/1/maps", "/dev/ptmx", "/dev/pts",
)  # fmt: skip


def test_counters_of_machine_and_slot_cannot_be_read(place):
    outcome, _ = only(place(READABLE.format(paths=HOSTS)))
    assert json.loads(outcome.output) == []


def test_no_terminal_can_be_made(place):
    program = "import os\ntry:\n    os.openpty()\nexcept OSError:\n    print('refused')"
    assert only(place(program))[0].output == b"refused\n"


def test_a_control_group_is_not_named(place):
    lines = only(place("print(open('/proc/self/cgroup').read())"))[0].output.decode().split()
    assert all(line.rpartition(":")[2] == "/" for line in lines), lines


def test_reading_an_input_leaves_no_time(place):
    """The inputs' file is the same for all programs of a problem; with the time of the last reading they could talk."""
    program = """
import os, time
before = os.fstat(62).st_atime_ns
time.sleep(0.05)
os.pread(62, 10, 0)
open("/proc/self/fd/62", "rb").read()
print(os.fstat(62).st_atime_ns - before)
"""
    slot = place.slot
    major, minor = (int(word) for word in __import__("os").uname().release.split(".")[:2])
    if (major, minor) < (6, 6):
        pytest.skip("the kernel keeps no such flag for files in memory")
    assert only(place(program, [b"input"], Runner.LCB_STDIN))[0].output == b"0\n", slot.name


def test_the_worker_is_not_there_in_the_process_sandbox(process_sandbox, place_of):
    slot = process_sandbox.open_slot()
    try:
        program = "import os\nprint([name for name in os.listdir('/proc') if name.isdecimal()] == [str(os.getpid())])"
        assert only(place_of(slot)(program))[0].output == b"True\n"
    finally:
        slot.close()
