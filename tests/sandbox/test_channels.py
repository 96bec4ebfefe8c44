"""What a program can see of the host, of the slot's worker and of the programs before it, in both sandboxes."""

import json

import pytest
from sandbox.job_results import both_runners, only

from ssd_harness.home import home
from ssd_harness.sandbox.image import root_folder
from ssd_harness.sandbox.interface import Runner
from ssd_harness.sandbox.worker import landlock
from ssd_harness.sandbox.worker.environment import ENVIRONMENT

PASSWORD = "hunter2-of-the-host"


ENVIRONMENTS = """
import ctypes, json, os, subprocess, sys
words = open("/proc/self/stat").read().rpartition(")")[2].split()
first, last = int(words[47]), int(words[48])
child = "import json, os; print(json.dumps(dict(os.environ)))"
child = subprocess.run([sys.executable, "-c", child], capture_output=True).stdout
print(json.dumps([dict(os.environ), ctypes.string_at(first, last - first).decode(), json.loads(child)]))
"""


@pytest.mark.process
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
        names, raw, of_a_child = json.loads(only(place_of(slot)(ENVIRONMENTS))[0].output)
    finally:
        slot.close()
    assert names == of_a_child == ENVIRONMENT
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


READ_ALL = """
import json, os
mine = str(os.getpid())
read = {}
for top in ("/proc", "/proc/self/", "/proc/thread-self/", "/sys"):
    for folder, folders, files in os.walk(top):
        if folder == "/proc":
            folders.remove(mine)
        for path in (os.path.join(folder, name) for name in files):
            if os.path.islink(path):
                continue
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                if text := os.read(fd, 1 << 16):
                    read[path] = text.decode(errors="replace")
            except OSError:
                pass
print(json.dumps(read))
"""
OWN = {"cmdline", "maps", "stat", "statm", "status"}


@pytest.fixture
def _landlock():
    if not landlock.prepare():
        pytest.skip("the kernel has no Landlock")


@pytest.mark.usefixtures("_landlock")
def test_of_proc_and_sys_a_program_reads_what_is_listed(place):
    """Neither mountinfo with the host's folders, nor a file of another process, nor a counter of the machine."""
    read = json.loads(only(place(READ_ALL, output=1 << 20, wall_s=30.0))[0].output)
    assert {path for path in read if not path.startswith("/proc/self/")} <= {"/proc/cpuinfo"}
    assert {path.removeprefix("/proc/self/") for path in read if path.startswith("/proc/self/")} == OWN
    mounts = [name for name in map(str, (root_folder.root_folder(), home(), "/var/lib", "lowerdir")) if name != "/"]
    assert [path for path, text in read.items() if any(name in text for name in mounts)] == []


TELL_TALES = ("/proc/self/mountinfo", "/proc/self/mounts", "/proc/self/mountstats", "/proc/mounts", "/proc/cmdline")


@pytest.mark.usefixtures("_landlock")
@both_runners
@pytest.mark.parametrize("way", ["at once", "in a thread", "in a fork", "in another program"])
def test_no_path_of_the_host_is_told_whoever_asks(place, runner, way):
    """Every descendant is confined like the first process."""
    ask = f"""
def told():
    for path in {TELL_TALES!r} + ("/proc/thread-self/mountinfo", "/proc/1/mountinfo"):
        try:
            if open(path).read():
                return 1
        except OSError:
            pass
    return 0
"""
    in_a_fork = "if posix.fork() == 0:\n    posix._exit(told())\nresult = posix.wait()[1]"
    alone = f"import posix\n{ask}\nposix._exit(told())"
    ways = {
        "at once": "result = told()",
        "in a thread": "found = []\nthread = threading.Thread(target=lambda: found.append(told()))\nthread.start()\n"
        "thread.join()\nresult = found[0]",
        "in a fork": in_a_fork,
        "in another program": in_a_fork.replace(
            "_exit(told())", f"execv(sys.executable, ['python3', '-c', {alone!r}])"
        ),
    }
    outcome, _ = only(place(f"import posix, sys, threading\n{ask}\n{ways[way]}\nprint(result)", [b""], runner))
    assert outcome.output == b"0\n", outcome


def test_processor_time_of_others_cannot_be_read(place):
    program = """
import ctypes, os
libc, room = ctypes.CDLL(None), ctypes.create_string_buffer(64)
for number in set(range(1, os.getpid() + 9)):
    for kind in range(8):
        clock = (~number << 3) | kind
        if libc.clock_gettime(clock, room) == 0 or libc.clock_getres(clock, room) == 0:
            print(number, kind)
print("end")
"""
    assert only(place(program))[0].output == b"end\n"


def test_load_processes_and_memory_of_the_machine_cannot_be_read(place):
    program = """
import ctypes, os
print(ctypes.CDLL(None).sysinfo(ctypes.create_string_buffer(512)))
try:
    print(os.getloadavg())
except OSError:
    print("refused")
"""
    assert only(place(program))[0].output == b"-1\nrefused\n"


def test_looking_at_a_folder_a_link_or_a_device_leaves_no_time(place):
    """The two folders that are its own are reset after it: see ``test_leftovers.py``."""
    program = """
import os, time

def times():
    seen = {}
    for folder in ("/", "/dev", "/etc", "/usr/lib", "/opt"):
        for name in (".", *(os.listdir(folder) if folder != "/" else ())):
            if name in ("shm", "tmp"):
                continue
            about = os.lstat(os.path.join(folder, name))
            seen[folder, name] = about.st_atime_ns, about.st_mtime_ns, about.st_ctime_ns
    return seen

before = times()
time.sleep(0.05)
for folder, name in before:
    path = os.path.join(folder, name)
    try:
        if os.path.islink(path):
            os.readlink(path)
        elif os.path.isdir(path):
            os.listdir(path)
        elif name not in ("stdin", "tty"):
            os.read(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 10)
    except OSError:
        pass
try:
    open("/dev/null", "w").write("x")
    os.utime("/dev/null")
except OSError:
    pass
after = times()
print([path for path in before if before[path] != after.get(path)], set(after) - set(before))
"""
    assert only(place(program))[0].output == b"[] set()\n"


def test_numbers_of_processes_and_free_space_are_what_is_told(place):
    """What the documentation says is open; if this fails, it may be closed, and the table wrong."""
    several = (
        "import os\nfor _ in range({}):\n    if os.fork() == 0:\n        os._exit(0)\n    os.wait()\nprint(os.getpid())"
    )
    numbers = [int(only(place(several.format(forks)))[0].output) for forks in (0, 0, 9, 0)]
    assert numbers[3] - numbers[2] >= numbers[1] - numbers[0] + 9
    assert int(only(place("import os\nprint(os.statvfs('/').f_blocks)"))[0].output) > 0


def test_no_terminal_can_be_made(place):
    program = "import os\ntry:\n    os.openpty()\nexcept OSError:\n    print('refused')"
    assert only(place(program))[0].output == b"refused\n"


def test_a_control_group_is_not_named(place):
    program = """
try:
    print(open("/proc/self/cgroup").read())
except PermissionError:
    pass
"""
    lines = only(place(program))[0].output.decode().split()
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
