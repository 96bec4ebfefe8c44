"""What a command under a supervisor leaves behind: nothing, however it and whoever asked for it end."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ssd_harness.supervisor import supervised

pytestmark = pytest.mark.process

# Leaves a grandchild in a session of its own, whose parent is gone; it writes its number and lives on.
DAEMON = """
import os, pathlib, signal, sys, time
def leave(file, deaf=False):
    if not os.fork():
        os.setsid()
        if not os.fork():
            if deaf:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            pathlib.Path(file).write_text(str(os.getpid()))
            time.sleep(300)
        os._exit(0)
    os.wait()
    while not (pathlib.Path(file).exists() and pathlib.Path(file).read_text()):
        time.sleep(0.01)
"""


def command(body, *words):
    return supervised([sys.executable, "-S", "-c", DAEMON + textwrap.dedent(body), *map(str, words)])


def gone(file, seconds):
    process = Path(f"/proc/{file.read_text()}")
    deadline = time.monotonic() + seconds
    while process.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not process.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [("sys.exit(0)", 0), ("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", -9), ("os.kill(os.getpid(), 11)", -11)],
)
def test_it_ends_as_its_command_does(body, code):
    assert subprocess.run(command(body), capture_output=True).returncode == code


def test_the_command_knows_its_supervisor_and_hears_signals(tmp_path):
    body = """
    assert os.getppid() == int(sys.argv[-1]) and not signal.pthread_sigmask(signal.SIG_BLOCK, ())
    print(sys.argv[1:-1])
    """
    done = subprocess.run(command(body, "a", "b c"), capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("['a', 'b c']\n", 0), done.stderr


@pytest.mark.parametrize(("deaf", "seconds"), [(False, 1), (True, 5)])
def test_what_the_command_leaves_in_another_session_ends_with_it(tmp_path, deaf, seconds):
    file = tmp_path / "pid"
    started = time.monotonic()
    assert subprocess.run(command(f"leave(sys.argv[1], {deaf})", file)).returncode == 0
    assert gone(file, 0)  # the supervisor has waited for it
    assert time.monotonic() - started < seconds + 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_stop_it_ends_all(tmp_path, number):
    file = tmp_path / "pid"
    with subprocess.Popen(command("leave(sys.argv[1]); time.sleep(300)", file)) as process:
        while not (file.exists() and file.read_text()):
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(10) == 3
    assert gone(file, 0)


def test_when_who_asked_for_it_is_killed_all_ends_and_then_its_locks_go(tmp_path):
    file, lock = tmp_path / "pid", tmp_path / "lock"
    asking = f"""
import fcntl, subprocess, sys
from ssd_harness.supervisor import supervised
lock = open({str(lock)!r}, "a")
fcntl.flock(lock, fcntl.LOCK_EX)
words = supervised([sys.executable, "-S", "-c", {DAEMON + "leave(sys.argv[1]); time.sleep(300)"!r}, {str(file)!r}])
subprocess.Popen(words, pass_fds=[lock.fileno()]).wait()
"""
    with subprocess.Popen([sys.executable, "-c", asking]) as process:
        while not (file.exists() and file.read_text()):
            time.sleep(0.01)
        assert not [one for one in Path(f"/proc/{file.read_text()}/fd").iterdir() if one.readlink() == lock]
        process.kill()
    with lock.open() as stream:
        subprocess.run(["flock", "-w", "10", str(stream.fileno())], pass_fds=[stream.fileno()], check=True)
        assert gone(file, 0)


def test_without_whom_to_end_with_it_starts_nothing(tmp_path):
    words = command("open(sys.argv[1], 'w')", tmp_path / "made")
    words[words.index(str(os.getpid()))] = "1"
    assert subprocess.run(words).returncode == 3
    assert not (tmp_path / "made").exists()
