import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ssd_harness.errors import UsageError
from ssd_harness.sandbox import leases

HOLDER = """
import sys, time
from ssd_harness.sandbox import leases
held = [leases.acquire() for _ in range(int(sys.argv[1]))]
print(*(lease.index for lease in held), flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _own_leases(tmp_path, monkeypatch):
    monkeypatch.setenv("SSD_HARNESS_LEASES", str(tmp_path / "leases"))
    monkeypatch.setenv("SSD_HARNESS_SLOTS", "2")


def holder(count):
    """Another process that holds ``count`` leases; return it and their numbers."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(count)], stdout=subprocess.PIPE, text=True)
    return process, [int(word) for word in process.stdout.readline().split()]


def acquire_in_thread():
    got = []
    thread = threading.Thread(target=lambda: got.append(leases.acquire()), daemon=True)
    thread.start()
    return thread, got


def test_slots_are_numbered_from_the_lowest_free_one():
    first, second = leases.acquire(), leases.acquire()
    assert [first.index, second.index] == [0, 1]
    assert [first.uid, second.uid] == [leases.FIRST_UID, leases.FIRST_UID + 1]
    first.release()
    assert leases.acquire().index == 0


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


def test_waiting_is_said_once(capsys, monkeypatch):
    monkeypatch.setattr(leases, "_SAY_AFTER_S", 0.1)
    held = [leases.acquire(), leases.acquire()]
    thread, got = acquire_in_thread()
    time.sleep(0.5)
    held[0].release()
    thread.join(5)
    assert got
    assert capsys.readouterr().err.count("waiting for a free slot: all 2") == 1


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
    with pytest.raises(OSError, match="symbolic"):
        leases.acquire()
    assert not (tmp_path / "victim").exists()
