import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssd_harness.errors import UsageError
from ssd_harness.sandbox import process
from ssd_harness.sandbox.image import root_folder
from ssd_harness.sandbox.interface import ImageMissing, SlotLost
from ssd_harness.sandbox.process import ProcessSandbox

HARNESS = """
import time
from ssd_harness.sandbox.process import ProcessSandbox
slot = ProcessSandbox().open_slot()
print(slot._stream._process.pid, flush=True)
time.sleep(600)
"""
WITHOUT_ROOT = """
import os
from ssd_harness.sandbox.process import ProcessSandbox
os.setresuid(65534, 65534, 65534)
ProcessSandbox().check()
"""


@pytest.fixture
def slot(process_sandbox):
    slot = process_sandbox.open_slot()
    yield slot
    slot.close()


@pytest.fixture
def look(slot, place_of):
    """Run a program in the sandbox and return what it prints."""

    def look(program):
        outcomes, _ = place_of(slot)(program, [b""])
        assert outcomes[0].status == "done", outcomes[0]
        return outcomes[0].output.decode()

    return look


def descendants(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def gone(pid, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def mounts(slot, name):
    """Read the mounts of the slot's tree from outside: no program can."""
    (worker,) = descendants(slot._stream._process.pid)
    return Path(f"/proc/{worker}/{name}").read_text()


def test_it_sees_the_sandboxs_tree_and_nothing_of_the_host(look, slot, tmp_path):
    (tmp_path / "secret").write_text("of the host")
    program = f"""
import os
print(os.path.exists({str(tmp_path / "secret")!r}), os.path.exists({str(Path.cwd())!r}), os.path.exists({__file__!r}))
print(sorted(os.listdir("/dev")))
print(os.path.exists("/proc/meminfo") and "meminfo")
"""
    lines = look(program).splitlines()
    assert lines[0] == "False False False"
    devices = ["null", "zero", "full", "random", "urandom", "fd", "stdin", "stdout", "stderr", "shm"]
    assert lines[1] == str(sorted(devices))
    assert len(mounts(slot, "mounts").splitlines()) == 5, "root, dev, proc and the program's two folders"


@pytest.mark.parametrize("name", ["mountinfo", "mounts"])
def test_mounts_do_not_say_where_on_the_host_they_come_from(slot, look, name):
    look("")  # the worker stands once a program has run
    assert "rootfs-" not in mounts(slot, name)


def test_namespaces_are_its_own(look):
    program = (
        'import os\nfor kind in ("pid", "net", "ipc", "mnt", "uts"): print(kind, os.readlink(f"/proc/self/ns/{kind}"))'
    )
    for line in look(program).splitlines():
        kind, inside = line.split()
        assert inside != os.readlink(f"/proc/self/ns/{kind}")  # noqa: PTH115 - not a path


def test_it_has_no_rights(look):
    status = dict(
        line.split(":", 1) for line in look("print(open('/proc/self/status').read())").splitlines() if ":" in line
    )
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[name], 16) == 0
    assert int(status["CapBnd"], 16) == 0b11000000, "setuid and setgid, which only the zygote uses"
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    assert int(status["Uid"].split()[0]) >= 59_000


def test_no_network_interface_is_up(look):
    program = """
import socket
try:
    print(socket.if_nameindex())
except OSError as error:
    print(type(error).__name__)
"""
    assert look(program).strip() == "PermissionError"


def test_no_secret_of_the_environment_gets_in(process_sandbox, place_of, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret-of-the-host")
    slot = process_sandbox.open_slot()
    try:
        outcomes, _ = place_of(slot)("import os\nprint(dict(os.environ))")
        assert b"secret" not in outcomes[0].output
        assert b"PYTHONHASHSEED" in outcomes[0].output
    finally:
        slot.close()


def test_a_killed_worker_is_a_lost_slot(slot, place_of):
    place_of(slot).submit("import time\ntime.sleep(60)", wall_s=60.0)
    time.sleep(0.3)
    (worker,) = descendants(slot._stream._process.pid)
    os.kill(worker, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(SlotLost):
        slot.receive()
    assert time.monotonic() - began < 2


def test_closing_ends_every_process(process_sandbox, place_of):
    slot = process_sandbox.open_slot()
    place_of(slot).submit("import os, time\nos.fork()\ntime.sleep(600)", wall_s=600.0)
    time.sleep(0.3)
    launcher = slot._stream._process.pid
    (worker,) = descendants(launcher)
    inside = descendants(worker)
    assert inside
    groups = slot._stream._group.folders
    slot.close()
    assert all(gone(pid) for pid in (launcher, worker, *inside))
    assert not any(folder.exists() for folder in groups)


def test_a_killed_harness_leaves_no_process(process_sandbox):
    harness = subprocess.Popen([sys.executable, "-c", HARNESS], stdout=subprocess.PIPE, text=True)
    launcher = int(harness.stdout.readline())
    (worker,) = descendants(launcher)
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    assert gone(worker)
    assert gone(launcher)


@pytest.mark.process
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give root up")
def test_without_root_it_refuses_in_one_line():
    done = subprocess.run([sys.executable, "-c", WITHOUT_ROOT], capture_output=True, text=True, check=False)
    assert "UsageError: the process sandbox needs root" in done.stderr.splitlines()[-1]


def test_without_its_root_file_system_it_says_how_to_get_one(process_sandbox, state):
    with pytest.raises(ImageMissing, match="ssd-harness sandbox build --sandbox process"):
        ProcessSandbox().check()


def test_an_unknown_machine_is_refused(process_sandbox, monkeypatch):
    monkeypatch.setattr(process.platform, "machine", lambda: "riscv64")
    with pytest.raises(Exception, match="the seccomp filter does not support riscv64"):
        ProcessSandbox().check()


def test_results_are_marked(process_sandbox):
    known = process_sandbox.describe()
    assert known["weaker"] is True
    assert known["sandbox"] == "process"


def test_it_says_once_that_it_is_weaker(process_sandbox, monkeypatch, capsys):
    monkeypatch.setattr(process, "_warned", False)
    for _ in range(2):
        process_sandbox.open_slot().close()
    assert capsys.readouterr().err.count("isolates programs less than Docker") == 1


def test_pruning_leaves_what_a_slot_runs_on(process_sandbox, slot):
    folder = root_folder.root_folder()
    assert not root_folder._remove(folder)
    assert folder.exists()


def test_pruning_removes_what_other_versions_left(state):
    old = state / "sandbox" / "rootfs-0123"
    old.mkdir(parents=True)
    assert ProcessSandbox().prune() == [str(old)]
    assert not old.exists()


def test_nothing_of_the_root_can_be_written_even_by_its_owner(slot):
    """The tree that the slots share is mounted read-only, nosuid and nodev."""
    lines = mounts(slot, "mounts").splitlines()
    root = next(line.split()[3].split(",") for line in lines if line.split()[1] == "/")
    assert {"ro", "nosuid", "nodev"} <= set(root)


def test_the_usage_error_is_a_usage_error(monkeypatch):
    monkeypatch.setattr(process.os, "geteuid", lambda: 1000)
    with pytest.raises(UsageError):
        ProcessSandbox().check()
