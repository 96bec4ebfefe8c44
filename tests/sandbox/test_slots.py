"""What every slot must do, whichever sandbox it is in."""

import time

import pytest
from sandbox.job_results import PROGRAM_RUNNERS, SUM, both_runners, only

from ssd_harness.sandbox.interface import Job, JobEnd, Limits, Runner, SlotLost, Status

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


def test_loading_the_same_inputs_twice_is_a_mistake_of_ours(place):
    place.slot.load(77_777, [b"1"])
    with pytest.raises(ValueError, match="already loaded"):
        place.slot.load(77_777, [b"2"])
    place.slot.drop(77_777)


# -- ends ---


def test_a_closed_slot_is_lost_and_closing_twice_is_fine(sandbox):
    slot = sandbox.open_slot()
    slot.close()
    slot.close()
    with pytest.raises(SlotLost):
        slot.load(1, [b""])
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


def test_hostile_text_is_shown_as_one_harmless_line(place):
    program = """
import sys
sys.stderr.buffer.write("a\\x1b[31m\\n\\u202eé".encode() + b"\\xff")
sys.stderr.flush()
sys.exit(1)
"""
    outcome, _ = only(place(program, [b""]))
    assert outcome.message == r"exit status 1 a\x1b[31m \u202eé\xff"


def test_a_job_is_described_by_what_the_worker_needs(place):
    with pytest.raises(KeyError):
        place.slot.submit(9_999, Job(b"", Runner.STDIO, 9_999, [0], limits=Limits()))
