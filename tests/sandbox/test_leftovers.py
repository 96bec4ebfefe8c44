"""What a program leaves behind is gone before the next one runs, in every slot, whichever sandbox it is in."""

import pytest
from sandbox.job_results import only

from ssd_harness.sandbox.contracts import Status

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


def test_nothing_can_be_written_anywhere(place):
    program = """
import os
writable = []
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/proc", "/sys")):
        folders.clear()
        continue
    if os.access(folder, os.W_OK):
        writable.append(folder)
print(writable)
try:
    open("/tmp/left", "w").write("x")
except OSError as error:
    print(type(error).__name__)
"""
    outcome, _ = only(place(program, [b""], cpu_s=10.0, wall_s=60.0))
    assert outcome.output.splitlines()[0] == b"[]"
    assert len(outcome.output.splitlines()) == 2
