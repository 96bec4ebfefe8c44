"""What every slot must do, whichever sandbox it is in."""

import time

import pytest

from ssd_harness.sandbox.contracts import Job, JobEnd, Limits, Runner, SlotLost, Status
from ssd_harness.sandbox.slots import printable

PROGRAM_RUNNERS = [Runner.LCB_STDIN, Runner.STDIO]
SUM = "print(sum(map(int, input().split())))"
both_runners = pytest.mark.parametrize("runner", PROGRAM_RUNNERS)


def only(result):
    """Return the one outcome of a job, and its end."""
    outcomes, end = result
    assert len(outcomes) == 1, outcomes
    return outcomes[0], end


# -- programs that behave ---


@both_runners
def test_outputs_come_in_the_order_of_the_tests(place, runner):
    outcomes, end = place(SUM, [b"1 2\n", b"3 4\n", b"5 6\n"], runner, tests=[2, 0])
    assert [(outcome.test, outcome.status, outcome.output) for outcome in outcomes] == [
        (2, Status.DONE, b"11\n"),
        (0, Status.DONE, b"3\n"),
    ]
    assert 0 < end.cpu_s < 1
    assert end.peak > 1 << 20
    assert not end.swept


@pytest.mark.parametrize("runner", [Runner.LCB_FUNCTIONAL, Runner.STDIO_FUNCTIONAL])
def test_functions_return_tagged_json(place, runner):
    program = "class Solution:\n    def pair(self, a, b):\n        print('noise')\n        return (a, b)"
    outcome, _ = only(place(program, [b"1\n[2]"], runner, "pair"))
    assert (outcome.status, outcome.output) == (Status.DONE, b'{"t":[1,[2]]}')


def test_real_pipes_take_a_large_input_and_a_large_output(place):
    program = "import sys\ndata = sys.stdin.buffer.read()\nsys.stdout.buffer.write(data[::-1])"
    data = bytes(range(256)) * 40_000
    outcomes, _ = place(program, [data, b"ab"])
    assert [outcome.output for outcome in outcomes] == [data[::-1], b"ba"]


def test_a_program_that_never_reads_its_input_ends_normally(place):
    outcome, _ = only(place("print('done')", [b"x" * 1_000_000]))
    assert (outcome.status, outcome.output) == (Status.DONE, b"done\n")


def test_streams_can_be_opened_by_name(place):
    program = """
with open("/dev/stdin") as numbers, open("/dev/stdout", "w") as out:
    print(sum(map(int, numbers.read().split())), file=out)
"""
    outcome, _ = only(place(program, [b"1 2 3"]))
    assert (outcome.status, outcome.output) == (Status.DONE, b"6\n")


def test_one_92_mb_input_among_a_hundred_tests(place):
    inputs = [b"7" * 92_000_000, *[b"%d" % number for number in range(99)]]
    outcomes, _ = place("print(len(input()))", inputs, Runner.LCB_STDIN, cpu_s=10.0, wall_s=60.0)
    assert [outcome.output for outcome in outcomes] == [b"%d\n" % len(text) for text in inputs]
    outcome, _ = only(place("print(len(input()))", [inputs[0]], cpu_s=10.0, wall_s=60.0))
    assert outcome.output == b"92000000\n"


def test_an_empty_list_of_tests_ends_at_once(place):
    for runner in PROGRAM_RUNNERS:
        outcomes, end = place(SUM, [b"1"], runner, tests=[])
        assert outcomes == []
        assert isinstance(end, JobEnd)


# -- programs that fail ---


@both_runners
@pytest.mark.parametrize(
    ("program", "status", "message"),
    [
        ("1 +", Status.COMPILE, "SyntaxError"),
        ("1 / 0", Status.EXCEPTION, "ZeroDivisionError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", Status.SIGNAL, "SIGSEGV"),
        ("raise MemoryError", Status.MEMORY, "MemoryError"),
    ],
)
def test_failures_say_what_happened(place, runner, program, status, message):
    if runner is Runner.LCB_STDIN:
        program = program.replace("os.kill", "signal.raise_signal").replace("os.getpid(), ", "")
    outcome, _ = only(place(program, [b""], runner))
    assert outcome.status is status
    assert message in outcome.message


def test_a_job_ends_at_its_first_failing_test(place):
    program = "print(1 // int(input()))"
    for runner in PROGRAM_RUNNERS:
        outcomes, _ = place(program, [b"1\n", b"0\n", b"1\n"], runner)
        assert [outcome.status for outcome in outcomes] == [Status.DONE, Status.EXCEPTION]


def test_leaving_early_is_an_exit_with_real_pipes_and_a_loss_without(place):
    assert only(place("import os; os.write(1, b'x'); os._exit(0)"))[0].output == b"x"
    outcome, _ = only(place("import os; os._exit(3)"))
    assert (outcome.status, outcome.message) == (Status.EXCEPTION, "exit status 3")
    outcome, _ = only(place("import os; os._exit(0)", runner=Runner.LCB_STDIN))
    assert outcome.status is Status.SIGNAL
    assert "status 0" in outcome.message


def test_what_a_program_says_on_stderr_is_kept_short(place):
    outcome, _ = only(place("import os\nos.write(2, b'y' * 50_000 + b'the end')\nos._exit(1)"))
    assert outcome.message.endswith("the end")
    assert len(outcome.message) < 2100


# -- limits ---


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


# -- what is left behind ---


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


# -- forging ---


def test_a_forged_report_breaks_the_protocol_and_gains_nothing(place):
    program = """
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b"forged" * 20)
    except OSError:
        pass
print("right")
"""
    outcome, _ = only(place(program, [b""], Runner.LCB_STDIN))
    assert outcome.status is Status.SIGNAL
    assert outcome.message == "broke the protocol"
    assert only(place(SUM, [b"1 2"]))[0].output == b"3\n"


def test_reports_of_other_tests_break_the_protocol(place):
    program = """
import os, struct
for descriptor in range(3, 64):
    try:
        os.write(descriptor, struct.pack("<BIBHQ", 2, 1, 0, 0, 0))
    except OSError:
        pass
"""
    outcome, _ = only(place(program, [b"", b""], Runner.LCB_STDIN))
    assert (outcome.test, outcome.status) == (0, Status.SIGNAL)


# -- the queue ---


def test_jobs_are_pipelined_in_order(place):
    numbers = [place.submit(SUM, [b"%d 1" % number], runner) for number, runner in enumerate(PROGRAM_RUNNERS * 5)]
    outputs = [place.collect(number)[0][0].output for number in numbers]
    assert outputs == [b"%d\n" % (number + 1) for number in range(10)]


@both_runners
def test_a_running_job_is_cancelled(place, runner):
    number = place.submit("import time\ntime.sleep(60)", [b""], runner, wall_s=60.0)
    time.sleep(0.3)
    began = time.monotonic()
    place.slot.cancel(number)
    outcomes, end = place.collect(number)
    assert outcomes == []
    assert isinstance(end, JobEnd)
    assert time.monotonic() - began < 5
    assert only(place(SUM, [b"1 2"]))[0].output == b"3\n"


def test_a_queued_job_is_skipped(place):
    first = place.submit("import time\ntime.sleep(0.5)\nprint(1)")
    second = place.submit("print(2)")
    third = place.submit("print(3)")
    place.slot.cancel(second)
    events = [place.slot.receive() for _ in range(5)]
    assert [event.job for event in events if isinstance(event, JobEnd)] == [second, first, third]
    assert [event.output for event in events if not isinstance(event, JobEnd)] == [b"1\n", b"3\n"]


def test_cancelling_what_is_over_does_nothing(place):
    number = place.submit("print(1)")
    place.collect(number)
    place.slot.cancel(number)
    place.slot.cancel(4_000_000)
    assert only(place(SUM, [b"1 2"]))[0].output == b"3\n"


def test_cancelling_a_race_is_safe(place):
    """The job may end before, while or after the cancel arrives; its end comes exactly once."""
    for pause in range(20):
        number = place.submit(SUM, [b"1 2"] * 3, PROGRAM_RUNNERS[pause % 2])
        time.sleep(pause * 0.0005)
        place.slot.cancel(number)
        outcomes, _ = place.collect(number)
        assert all(outcome.output == b"3\n" for outcome in outcomes)


def test_a_host_that_does_not_read_slows_the_program_down_and_nothing_else(place):
    """48 outputs of 4 MB are more than the outbox holds; the wall limit does not run while the program waits for us."""
    number = place.submit("print('x' * 4_000_000)", [b""] * 48, Runner.LCB_STDIN, cpu_s=10.0, wall_s=2.0)
    time.sleep(5)
    outcomes, _ = place.collect(number)
    assert [(outcome.status, len(outcome.output)) for outcome in outcomes] == [(Status.DONE, 4_000_001)] * 48
    outcomes, _ = place("print('x' * 4_000_000)", [b""] * 12, Runner.STDIO, cpu_s=10.0)
    assert len(outcomes) == 12


def test_loading_the_same_key_twice_is_a_mistake_of_ours(place):
    place.slot.load("same", [b"1"])
    with pytest.raises(ValueError, match="loaded already"):
        place.slot.load("same", [b"2"])
    place.slot.drop("same")


# -- ends ---


def test_a_closed_slot_is_lost_and_closing_twice_is_fine(sandbox):
    slot = sandbox.open_slot()
    slot.close()
    slot.close()
    with pytest.raises(SlotLost):
        slot.load("a", [b""])
    with pytest.raises(SlotLost):
        slot.receive()


def test_memory_of_all_processes_together_is_bounded(sandbox, place_of):
    small = type(sandbox)(memory=200 << 20)
    if not small.describe()["slot_memory"]:
        pytest.skip("no control group can be made here")
    program = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        block = bytearray(60 << 20)
        time.sleep(600)
block = bytearray(100 << 20)
time.sleep(5)
"""
    with small:
        place = place_of(small.open_slot())
        place(program, [b""], cpu_s=5.0, wall_s=3.0)
        outcome, _ = only(place("x = bytearray(400 << 20)", [b""]))
        assert outcome.status is Status.MEMORY
        assert only(place(SUM, [b"1 2"]))[0].output == b"3\n"


def test_hostile_text_is_shown_as_one_harmless_line():
    assert printable("a\x1b[31m\n\u202eé".encode()) == "a\\x1b[31m\\x0a\\x202eé"
    assert printable(b"\xff") == "\\xff"


def test_a_job_is_described_by_what_the_worker_needs(place):
    with pytest.raises(KeyError):
        place.slot.submit(9_999, Job(b"", Runner.STDIO, "unknown inputs", [0], limits=Limits()))
