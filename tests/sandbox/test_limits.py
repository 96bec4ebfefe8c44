"""Every limit of every slot, whichever sandbox it is in."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sandbox.job_results import both_runners, only

from ssd_harness.sandbox import control_group
from ssd_harness.sandbox.interface import Runner, Status


@both_runners
def test_cpu_time_decides(place, runner):
    began = time.monotonic()
    outcome, end = only(place("while True: pass", [b""], runner, cpu_s=0.5))
    assert outcome.status is Status.CPU
    assert 0.5 <= outcome.cpu_s < 1.0
    assert end.cpu_s < 1.2
    assert time.monotonic() - began < 10


@both_runners
def test_sleeping_is_ended_by_the_wall_clock(place, runner):
    outcome, _ = only(place("import time\ntime.sleep(60)", [b""], runner, wall_s=0.5))
    assert outcome.status is Status.WALL
    assert 0.5 <= outcome.wall_s < 5
    assert outcome.cpu_s < 0.4


# Works in small pieces, so that a busy machine delays each only a little: twice the CPU that the grace asks for.
WORK = """
import time
def work(until):
    while time.monotonic() < began + until:
        piece = time.process_time() + 0.004
        while time.process_time() < piece:
            pass
        time.sleep(0.016)
began = time.monotonic()
time.sleep(3.4)
"""
GRACE = {"cpu_s": 0.4, "wall_s": 4.0, "grace_s": 20.0}


@both_runners
def test_grace_is_for_whoever_works(place, runner):
    program = WORK + "work(4.3)\nprint(1)"
    assert only(place(program, [b""], runner, **GRACE))[0].status is Status.DONE
    assert only(place(program, [b""], runner, **GRACE | {"grace_s": 0.0}))[0].status is Status.WALL


@both_runners
def test_who_falls_asleep_loses_the_grace(place, runner):
    outcome, _ = only(place(WORK + "work(4.1)\ntime.sleep(60)", [b""], runner, **GRACE))
    assert outcome.status is Status.WALL
    assert outcome.wall_s < 10


def test_loading_has_the_limit_of_a_test(place):
    program = "class Solution:\n    while True: pass\n    def f(self): return 1"
    outcome, end = only(place(program, [b""], Runner.LCB_FUNCTIONAL, "f", cpu_s=0.5))
    assert (outcome.test, outcome.status) == (0, Status.CPU)
    assert end.cpu_s < 1.2


def test_each_test_has_a_limit_of_its_own(place):
    program = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\nprint(1)"
    outcomes, end = place(program, [b""] * 4, Runner.LCB_STDIN, cpu_s=0.7)
    assert [outcome.status for outcome in outcomes] == [Status.DONE] * 4
    assert all(0.2 < outcome.cpu_s < 0.5 for outcome in outcomes)
    assert 1.1 < end.cpu_s < 1.8


@both_runners
def test_children_that_hide_their_cpu_time_are_counted(place, runner):
    program = """
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
fork = getattr(os, "fork", None) or __import__("posix").fork
if fork() == 0:
    while True: pass
signal.pause()
"""
    outcome, end = only(place(program, [b""], runner, cpu_s=0.5, wall_s=8.0))
    assert outcome.status is Status.CPU
    assert end.cpu_s < 1.2


SIBLING = """
import ctypes, os, time
CLONE_PARENT, SIGCHLD = 0x8000, 17
number = {{"x86_64": 56, "aarch64": 220}}[os.uname().machine]
pid = ctypes.CDLL(None).syscall(number, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0)
if pid < 0:
    print("refused")
elif pid == 0:
    while True: pass
else:
    time.sleep(5)
"""
HIDDEN_WORK = {
    "ignored": """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
fork = getattr(os, "fork", None) or __import__("posix").fork
for _ in range(40):
    if fork() == 0:
        end = time.process_time() + 0.1
        while time.process_time() < end: pass
        os._exit(0)
    time.sleep(0.12)
print(1)
""",
    "orphaned": """
import os, time
fork = getattr(os, "fork", None) or __import__("posix").fork
for _ in range(40):
    if fork() == 0:
        if fork() == 0:
            end = time.process_time() + 0.1
            while time.process_time() < end: pass
        os._exit(0)
    os.wait()
    time.sleep(0.12)
print(1)
""",
    "waited for": """
import os, time
fork = getattr(os, "fork", None) or __import__("posix").fork
for _ in range(40):
    if fork() == 0:
        end = time.process_time() + 0.1
        while time.process_time() < end: pass
        os._exit(0)
    os.wait()
print(1)
""",
}


@pytest.fixture
def groupless(process_sandbox, place_of):
    """A slot of the process sandbox on a machine where no control group can be made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control_group, "create", lambda memory, processes: control_group.ControlGroup([], {}))
        slot = process_sandbox.open_slot()
    assert slot.ready["meter"] == "process clocks"
    yield place_of(slot)
    slot.close()


@both_runners
@pytest.mark.parametrize("way", HIDDEN_WORK)
def test_work_of_children_is_counted_without_a_control_group(groupless, runner, way):
    outcome, end = only(groupless(HIDDEN_WORK[way], [b""], runner, cpu_s=1.0, wall_s=60.0))
    assert outcome.status is Status.CPU
    assert end.cpu_s < 2.5


@both_runners
def test_no_process_can_make_itself_a_sibling(place, runner):
    outcome, _ = only(place(SIBLING.format(), [b""], runner, cpu_s=1.0))
    assert (outcome.status, outcome.output) == (Status.DONE, b"refused\n")


@both_runners
def test_a_crash_feeds_no_pipe_of_the_hosts(place, runner):
    """A limit of 1 on core files is the one that stops those that go to a pipe."""
    program = """
import ctypes, os
resource = ctypes.CDLL(None)
print(resource.setrlimit(4, (ctypes.c_ulong * 2)(0, 0)), resource.prctl(4, 0, 0, 0, 0))
"""
    outcome, _ = only(place(program, [b""], runner))
    assert outcome.output == b"-1 0\n"


PATTERN = Path("/proc/sys/kernel/core_pattern")


@pytest.fixture
def core_pipe(tmp_path):
    """A core pattern that pipes every dump of this machine to a script, which notes whose it is and how long it is."""
    notes, script = tmp_path / "notes", tmp_path / "take"
    notes.touch()
    script.write_text(f'#!/bin/sh\necho "$1 $(wc -c)" >> {notes}\n')
    script.chmod(0o755)
    lock = os.open("/run/lock/ssd-harness-core-pattern", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)  # one setting for the whole machine
    before = PATTERN.read_text()
    try:
        PATTERN.write_text(f"|{script} %u\n")
        yield notes
    finally:
        PATTERN.write_text(before)
        os.close(lock)


@pytest.mark.skipif(not os.access(PATTERN, os.W_OK), reason="only root can say where core dumps go")
@both_runners
def test_a_real_core_pipe_gets_nothing_of_a_program(place, runner, core_pipe):
    # A crash outside of the sandbox shows that the pipe works; it has another uid.
    alone = "import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.abort()"
    subprocess.run([sys.executable, "-c", alone], check=False)
    end = time.monotonic() + 30
    while not core_pipe.read_text().endswith("\n") and time.monotonic() < end:
        time.sleep(0.05)
    seen = core_pipe.read_text().splitlines()
    if not any(int(line.split()[1]) > 1000 for line in seen if line.split()[0] == str(os.getuid())):
        pytest.skip(f"the kernel hands no core dumps to a pipe here: {seen}")
    program = """
import ctypes, os
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # dumpable
print("big" * 1000, len(bytearray(64 << 20)))
ctypes.string_at(0)
"""
    outcome, end = only(place(program, [b""], runner))
    assert outcome.status is Status.SIGNAL
    assert "SIGSEGV" in outcome.message
    time.sleep(0.5)
    users = {line.split()[0]: int(line.split()[1]) for line in core_pipe.read_text().splitlines()}
    assert sum(size for user, size in users.items() if user != str(os.getuid())) == 0, users


@both_runners
def test_memory_of_one_process_is_bounded(place, runner):
    outcome, _ = only(place("x = bytearray(1 << 30)", [b""], runner, memory=512 << 20))
    assert outcome.status is Status.MEMORY


@both_runners
def test_output_is_bounded(place, runner):
    outcome, end = only(place("print('x' * 3_000_000)", [b""], runner, output=1_000_000))
    assert outcome.status is Status.OUTPUT
    assert outcome.output == b""
    assert end.cpu_s < 1


def test_an_endless_flood_is_ended_by_its_size(place):
    outcome, end = only(place("import os\nwhile True: os.write(1, b'x' * 65536)", [b""], output=1_000_000))
    assert outcome.status is Status.OUTPUT
    assert end.cpu_s < 1


def test_a_flood_on_stderr_is_drained_until_the_limit_of_time(place):
    outcome, _ = only(place("import os\nwhile True: os.write(2, b'x' * 65536)", [b""], cpu_s=0.5))
    assert outcome.status in {Status.CPU, Status.WALL}


@both_runners
def test_processes_are_bounded(place, runner):
    program = """
import os, time
fork = getattr(os, "fork", None) or __import__("posix").fork
children = 0
try:
    while True:
        if fork() == 0:
            time.sleep(60)
        children += 1
except BlockingIOError:
    print(children)
"""
    outcome, end = only(place(program, [b""], runner, processes=8))
    assert (outcome.status, outcome.output) == (Status.DONE, b"7\n")
    assert end.swept


def test_threads_count_as_processes(place):
    program = """
import threading, time
started = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
except RuntimeError:
    print(started)
"""
    assert only(place(program, [b""], processes=8))[0].output == b"7\n"


def test_quick_tests_before_an_endless_one_keep_their_outcomes(place):
    program = "if input() == 'endless':\n    while True: pass\nprint(1)"
    outcomes, _ = place(program, [b"quick"] * 20 + [b"endless"], Runner.LCB_STDIN, cpu_s=0.5)
    assert [outcome.status for outcome in outcomes] == [Status.DONE] * 20 + [Status.CPU]
    assert 0.5 <= outcomes[-1].cpu_s < 1.0
    assert sum(outcome.cpu_s for outcome in outcomes[:-1]) < 0.5
