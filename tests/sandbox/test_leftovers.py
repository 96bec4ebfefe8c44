"""What a program leaves behind is gone before the next one runs, in every slot, whichever sandbox it is in."""

import pytest
from sandbox.job_results import only

from ssd_harness.sandbox.interface import Status

STRAGGLERS = {
    "a daemon": """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
print(1)
""",
    "a child that holds the pipes": """
import os, time
if os.fork() == 0:
    time.sleep(600)
print(1)
""",
    "a stopped child": """
import os, signal, time
child = os.fork()
if child == 0:
    signal.pause()
os.kill(child, signal.SIGSTOP)
print(1)
""",
    "a child that ignores signals": """
import os, signal
if os.fork() == 0:
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True: pass
print(1)
""",
    "orphans by the dozen": """
import os, time
for _ in range(5):
    if os.fork() == 0:
        for _ in range(4):
            os.fork() or time.sleep(600)
        os._exit(0)
print(1)
""",
}


@pytest.mark.parametrize("name", STRAGGLERS)
def test_stragglers_are_swept_away(place, name):
    outcome, end = only(place(STRAGGLERS[name], [b""]))
    assert (outcome.status, outcome.output) == (Status.DONE, b"1\n")
    assert end.swept
    # The next program finds nobody but the broker, the zygote and itself.
    census = "import os\nprint(len([name for name in os.listdir('/proc') if name.isdecimal()]))"
    assert int(only(place(census))[0].output) <= 3


def test_a_program_that_stops_itself_is_ended(place):
    outcome, _ = only(place("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", [b""], wall_s=0.5))
    assert outcome.status is Status.WALL


def test_a_program_can_write_to_its_own_folders_alone(place):
    program = """
import os
writable = []
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/proc", "/sys")):
        folders.clear()
        continue
    if os.access(folder, os.W_OK):
        writable.append(folder)
print(sorted(writable))
"""
    outcome, _ = only(place(program, [b""], cpu_s=10.0, wall_s=60.0))
    assert outcome.output == b"['/dev/shm', '/tmp']\n"


def test_what_a_program_wrote_is_gone_for_the_next(place):
    """Whatever it is: files, folders without rights, trees deeper than any path is long, names that are no text."""
    program = """
import os
print(sorted(os.listdir(b"/tmp")), os.listdir("/dev/shm"))
for top in ("/tmp", "/dev/shm"):
    os.chdir(top)
    open(b"\\xff\\n", "w").close()
    os.link("\\udcff\\n", "linked")
    os.symlink("/", "link")
    os.mkdir("closed")
    open("closed/inner", "w").close()
    os.chmod("closed", 0)
    for _ in range(500):
        os.mkdir("x" * 20)
        os.chdir("x" * 20)
"""
    outcomes, _ = place(program, [b"", b""])
    assert [outcome.output for outcome in outcomes] == [b"[b'main.py'] []\n"] * 2


SEEN = """
import os
for folder in ("/tmp", "/dev/shm"):
    state, room = os.stat(folder), os.statvfs(folder)
    print(state.st_mtime_ns > 0, state.st_atime_ns > 0, state.st_size, state.st_nlink, state.st_mode, room, os.listdir(folder))
"""
FILLING = """
import os, socket
for folder in ("/tmp", "/dev/shm"):
    for number in range(50):
        open(f"{folder}/{number}", "wb").write(bytes(1 << 20))
    os.listdir(folder)
file = os.open("/dev/shm/held", os.O_RDWR | os.O_CREAT)
for _ in range(8):
    os.write(file, bytes(1 << 20))
os.unlink("/dev/shm/held")
one, other = socket.socketpair()
for end, far in ((one, other), (other, one)):
    socket.send_fds(end, [b"x"], [file, far.fileno(), end.fileno()])
print("filled")
"""


def test_a_program_sees_nothing_of_the_files_before_it(place):
    """Free space, times, sizes: also where a removed file is held by sockets that only each other hold."""
    before, _ = place(SEEN, [b""])
    filled, _ = place(FILLING, [b""], cpu_s=10.0, wall_s=60.0)
    after, _ = place(SEEN, [b""])
    assert [only((found, None))[0].status for found in (before, filled, after)] == [Status.DONE] * 3
    assert filled[0].output == b"filled\n"
    assert after[0].output == before[0].output
    times = b"True False" if b"True" in before[0].output.splitlines()[0] else b"False False"
    assert before[0].output.startswith(times)


def test_the_folders_together_are_no_larger_than_the_slot_allows(place):
    program = """
import os
total = files = 0
for folder in ("/tmp", "/dev/shm"):
    try:
        for number in range(10):
            with open(f"{folder}/{number}", "wb", buffering=0) as file:
                while written := file.write(bytes(1 << 20)):
                    total += written
    except OSError as error:
        print(error.errno)
    for name in os.listdir(folder):
        os.truncate(f"{folder}/{name}", 0)
    try:
        while True:
            os.mkdir(f"{folder}/f{files}")
            files += 1
    except OSError as error:
        print(error.errno)
print(total <= 2 * 64 << 20, total > 100 << 20, files < 4096)
"""
    outcome, _ = only(place(program, [b""], cpu_s=10.0, wall_s=60.0))
    assert outcome.output.splitlines()[-1] == b"True True True"
    assert only(place("print(1)", [b""]))[0].output == b"1\n"
