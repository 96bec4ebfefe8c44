import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ssd_harness.errors import UsageError
from ssd_harness.sandbox import leases, runs

HOLDER = """
import sys, time
from ssd_harness.sandbox import leases
held = [leases.acquire() for _ in range(int(sys.argv[1]))]
print(*(lease.index for lease in held), flush=True)
time.sleep(600)
"""

FORKING_HOLDER = """
import os, time
from ssd_harness.sandbox import leases
lease = leases.acquire()
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(600)
"""
TURNS = """
import sys
from ssd_harness.sandbox import leases
while True:
    lease, served = leases.acquire(), 0
    while not lease.give_way(served):
        served += 1
        print(served, flush=True)
    assert served >= int(sys.argv[1])
    lease.release()
"""


@pytest.fixture(autouse=True)
def _own_leases(tmp_path, monkeypatch):
    monkeypatch.setenv("SSD_HARNESS_LEASES", str(tmp_path / "leases"))
    monkeypatch.setenv("SSD_HARNESS_SLOTS", "2")


def holder(count):
    """Another process that holds ``count`` leases; return it and their numbers."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(count)], stdout=subprocess.PIPE, text=True)
    return process, [int(word) for word in process.stdout.readline().split()]


def acquire_in_thread(**options):
    got = []
    thread = threading.Thread(target=lambda: got.append(leases.acquire(**options)), daemon=True)
    thread.start()
    return thread, got


def test_slots_are_numbered_from_the_lowest_free_one():
    first, second = leases.acquire(), leases.acquire()
    assert [first.index, second.index] == [0, 1]
    assert [first.uid, second.uid] == [leases.FIRST_UID, leases.FIRST_UID + 1]
    first.release()
    assert leases.acquire().index == 0


@pytest.mark.process
def test_two_processes_share_the_slots():
    process, held = holder(1)
    try:
        assert held == [0]
        mine = leases.acquire()
        assert mine.index == 1
        thread, got = acquire_in_thread()
        thread.join(0.3)
        assert not got, "a third slot on a host of two"
        mine.release()
        thread.join(5)
        assert [lease.index for lease in got] == [1]
    finally:
        process.kill()
        process.wait()


@pytest.mark.process
def test_a_crash_gives_the_slots_back():
    process, held = holder(2)
    assert held == [0, 1]
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert leases.acquire().index == 0


def test_a_lease_is_released_once():
    lease = leases.acquire()
    lease.release()
    again = leases.acquire()
    lease.release()
    assert leases.acquire().index == 1, "releasing twice must not release another's lease"
    again.release()


@pytest.mark.process
def test_the_line_about_the_holders_is_repeated_while_the_wait_lasts(capsys):
    process, _ = holder(2)
    try:
        thread, _ = acquire_in_thread(notice_every=0.05)
        text = ""
        while text.count("\n") < 4:
            text += wait_for(lambda: capsys.readouterr().err)
    finally:
        process.kill()
        process.wait()
    thread.join(30)
    for line in text.splitlines():
        assert line.startswith("waiting for a free slot for ")
        assert f"pid {process.pid} (-c 2) holds slots 0, 1 since 20" in line


def test_a_line_comes_after_a_second_and_then_every_30(tmp_path, monkeypatch, capsys):
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(leases, "time", SimpleNamespace(monotonic=lambda: now.seconds))

    def waits(until, notice):
        shown = []
        while now.seconds < until:
            if notice.show(2, [], 0):
                shown.append(now.seconds)
            now.seconds += 0.5
        return shown

    assert waits(1095.0, leases._Notice(tmp_path, -math.inf)) == [1001.0, 1031.0, 1061.0, 1091.0]
    lines = [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == [f"waiting for a free slot for {seconds} s" for seconds in (1, 31, 61, 91)]
    # A run that has had a slot in between goes on at the same pace.
    assert waits(1130.0, leases._Notice(tmp_path, 1091.0)) == [1121.0]


@pytest.mark.process
def test_a_waiting_run_says_who_holds_the_slots(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(leases, "_NOTICE_AFTER_S", 0.0)
    process, _ = holder(2)
    try:
        thread, got = acquire_in_thread()
        text = wait_for(lambda: capsys.readouterr().err)
        assert "waiting for a free slot for 0 s: all 2 slots of this host are in use" in text
        assert f"pid {process.pid} (-c 2) holds slots 0, 1 since 20" in text
        time.sleep(0.3)
        assert not capsys.readouterr().err, "one line every 30 seconds"
    finally:
        process.kill()
        process.wait()
    thread.join(30)
    got[0].release()
    assert not list((tmp_path / "leases").glob("run-*")), "of the dead run and of this one"


def test_what_other_users_write_is_escaped_and_never_believed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(leases, "_NOTICE_AFTER_S", 0.0)
    folder = tmp_path / "leases"
    folder.mkdir()
    started = int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[19])
    row = {
        "pid": os.getppid(),
        "started": started,
        "namespace": str(Path("/proc/self/ns/pid").readlink()),
        "command": "\x1b[31mred\n" + "x" * 10_000,
        "count": 2,
        "slots": {"0": 1},
        "waiting": 0,
        "since": 0,
    }
    planted = [
        row,
        {**row, "started": started + 1, "command": "reused pid", "waiting": 9},
        {**row, "pid": 4_000_000, "command": "no such pid", "waiting": 9},
        {**row, "slots": {"-1": 1}, "command": "no such slot"},
        {**row, "slots": [], "command": "no slots"},
        {**row, "count": True, "command": "no number"},
        [],
    ]
    locks = []
    for number, text in enumerate([*map(json.dumps, planted), "[" * 5000, "\xff"]):
        path = folder / f"run-{number}.json"
        path.write_text(text)
        locks.append(path.open())
        fcntl.flock(locks[-1], fcntl.LOCK_EX)
    (folder / "run-link.json").symlink_to(tmp_path / "victim")
    os.mkfifo(folder / "run-pipe.json")
    locks += [(folder / f"{index}.lock").open("w") for index in (0, 1)]
    for lock in locks[-2:]:
        fcntl.flock(lock, fcntl.LOCK_EX)
    thread, got = acquire_in_thread()
    text = wait_for(lambda: capsys.readouterr().err)
    assert "\\x1b[31mred x" in text
    assert "\x1b" not in text
    assert text.count("holds slot") == 1
    assert len(text) < 1000
    assert "1 is held by unknown processes" in text
    locks[-1].close()  # the planted waiters are dead or not what they say
    thread.join(30)
    assert got
    got[0].release()
    assert not (tmp_path / "victim").exists()


@pytest.mark.process
def test_a_dead_holder_is_not_named_although_a_child_of_its_keeps_the_lock():
    process = subprocess.Popen([sys.executable, "-c", FORKING_HOLDER], stdout=subprocess.PIPE, text=True)
    child = int(process.stdout.readline())
    try:
        folder = leases.folder()
        assert [run.pid for run in runs.others(folder)] == [process.pid]
        process.kill()
        process.wait()
        assert [run.pid for run in runs.others(folder)] == []
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.process
def test_first_come_first_served_and_a_killed_waiter_blocks_nobody(monkeypatch):
    monkeypatch.setenv("SSD_HARNESS_SLOTS", "1")
    mine = leases.acquire()
    waiters = []
    for number in range(3):
        waiters.append(subprocess.Popen([sys.executable, "-c", HOLDER, "1"], stdout=subprocess.PIPE, text=True))
        wait_for(lambda n=number: len(waiting()) == n + 1)
    try:
        assert [run.pid for run in sorted(waiting(), key=lambda run: run.rank)] == [w.pid for w in waiters]
        waiters[0].kill()  # as kill -9 does
        waiters[0].wait()
        os.kill(waiters[1].pid, signal.SIGSTOP)
        mine.release()
        again, got = acquire_in_thread()
        assert waiters[2].stdout.readline() == "0\n", "the first is dead, the second stopped"
        assert not got
        waiters[2].kill()
        waiters[2].wait()
        again.join(60)
        assert got
        got[0].release()
    finally:
        for waiter in waiters:
            waiter.kill()
            waiter.wait()


@pytest.mark.process
def test_a_run_that_holds_many_slots_gives_down_to_an_even_share(monkeypatch):
    monkeypatch.setenv("SSD_HARNESS_SLOTS", "4")
    mine = [leases.acquire() for _ in range(4)]
    assert not any(lease.give_way(1000) for lease in mine), "nobody waits"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, "4"], stdout=subprocess.PIPE, text=True)
    try:
        wait_for(waiting)
        assert [lease.give_way(1) for lease in mine] == [True, False, False, False], "one process waits in one thread"
        mine[0].release()
        wait_for(lambda: [len(run.slots) for run in waiting()] == [1])
        assert [lease.give_way(1) for lease in mine[1:]] == [True, False, False]
        mine[1].release()
        wait_for(lambda: [len(run.slots) for run in waiting()] == [2])
        assert not any(lease.give_way(1000) for lease in mine[2:]), "two each"
    finally:
        process.kill()
        process.wait()


@pytest.mark.process
def test_the_last_slot_goes_to_a_run_without_one_after_a_turn(monkeypatch):
    monkeypatch.setenv("SSD_HARNESS_SLOTS", "1")
    runs_ = [
        subprocess.Popen([sys.executable, "-c", TURNS, str(leases.TURN)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        # Each line is one verdict; both runs write until they are stopped, so a run that starved would write none.
        for run in runs_:
            for _ in range(3 * leases.TURN):
                assert run.stdout.readline()
    finally:
        for run in runs_:
            run.kill()
            run.wait()


def waiting():
    """The other runs that wait for a slot."""
    return [run for run in runs.others(leases.folder()) if run.waiting and run.pid != os.getpid()]


def wait_for(look, timeout=60):
    """Return what ``look`` returns as soon as that is something."""
    end = time.monotonic() + timeout
    while not (value := look()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return value


@pytest.mark.parametrize("asked", ["0", "-1", "two", "1001", "1.5"])
def test_a_senseless_number_of_slots_is_one_line(monkeypatch, asked):
    monkeypatch.setenv("SSD_HARNESS_SLOTS", asked)
    with pytest.raises(UsageError, match="SSD_HARNESS_SLOTS"):
        leases.slot_count()


def test_there_are_as_many_slots_as_cores_by_default(monkeypatch):
    monkeypatch.delenv("SSD_HARNESS_SLOTS")
    assert leases.slot_count() == len(os.sched_getaffinity(0))


def test_lock_files_are_everybodys(tmp_path):
    leases.acquire()
    folder = tmp_path / "leases"
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert (folder / "0.lock").stat().st_mode & 0o777 == 0o444


def test_a_planted_link_is_not_followed(tmp_path):
    folder = tmp_path / "leases"
    folder.mkdir()
    (folder / "0.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(UsageError, match=r"symbolic.*0\.lock.*SSD_HARNESS_LEASES"):
        leases.acquire()
    assert not (tmp_path / "victim").exists()


def test_nothing_is_changed_through_a_link_in_the_folders_place(tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    (tmp_path / "leases").symlink_to(victim)
    with pytest.raises(UsageError, match="is not a folder"):
        leases.acquire()
    assert victim.stat().st_mode & 0o7777 == 0o700
    assert list(victim.iterdir()) == []


def test_a_planted_pipe_does_not_hold_us_up(tmp_path):
    folder = tmp_path / "leases"
    folder.mkdir()
    os.mkfifo(folder / "0.lock")
    with pytest.raises(UsageError, match="is not a regular file"):
        leases.acquire()


def test_what_another_user_owns_keeps_its_mode(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("giving files away needs root")
    folder = tmp_path / "leases"
    folder.mkdir()
    folder.chmod(0o755)
    os.chown(folder, 65534, 65534)
    leases.acquire().release()
    assert folder.stat().st_mode & 0o7777 == 0o755
