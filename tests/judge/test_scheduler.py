"""The schedule, driven by a sandbox that forks for real and isolates nothing, and by one that loses its slots."""

import random
import threading
import time

import pytest
from bench.bare_fork import BareForkSandbox

from ssd_harness.errors import InfrastructureError, SsdError
from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.serial_rejudge import KILLED
from ssd_harness.judge.slot_worker import AHEAD
from ssd_harness.judge.verdicts import CRASH, Verdict
from ssd_harness.sandbox.interface import JobEnd, Limits, SlotLost

pytestmark = pytest.mark.process

LIMITS = Limits(cpu_s=1.0, wall_s=5.0)
RIGHT = "print(int(input()) * 2)"
WRONG = "print(int(input()) * 2 if __import__('sys') and 0 else 7)"
BROKEN = "print("
RAISES = "raise ValueError('no')"
KILLER = "# takes its slot down\nprint(int(input()) * 2)"


def problem(question_id):
    return ProblemTests(question_id, (b"1\n", b"2\n", b"21\n"), ("2", "4", "42"), public=1)


def judge(programs, sandbox, load_tests=problem, **options):
    options = {"judge": "lcb", "workers": 1, "limits": LIMITS, **options}
    return judge_programs(programs, load_tests, sandbox=sandbox, **options)


class UnreliableSlot:
    """A slot that dies under chosen jobs: when the answer to ``kills(job, slot number)`` is yes."""

    def __init__(self, slot, sandbox, number):
        self.slot, self.sandbox, self.number, self.name = slot, sandbox, number, slot.name
        self.jobs, self.dead = {}, False

    def submit(self, job_id, job):
        self.jobs[job_id] = job
        self.slot.submit(job_id, job)

    def receive(self):
        head = next(iter(self.jobs))
        if self.dead or self.sandbox.kills(self.jobs[head], self.number):
            self.dead = True
            raise SlotLost("container gone", where=self.name)
        event = self.slot.receive()
        if isinstance(event, JobEnd):
            del self.jobs[event.job]
        return event

    def close(self):
        self.sandbox.closed += 1
        self.slot.close()

    def __getattr__(self, name):
        return getattr(self.slot, name)


class UnreliableSandbox(BareForkSandbox):
    def __init__(self, kills=lambda job, slot: False):
        super().__init__()
        self.kills, self.closed = kills, 0

    def open_slot(self, stop=None):
        return UnreliableSlot(super().open_slot(), self, self.opened)


@pytest.fixture
def sandbox():
    return UnreliableSandbox()


def verdicts(results):
    return [result.verdict.value for result in results]


def test_every_kind_of_verdict_in_the_order_of_the_programs(sandbox):
    codes = [RIGHT, WRONG, BROKEN, RAISES, "", " \n", "while True: pass"]
    results = judge([Program("q", number, code) for number, code in enumerate(codes)], sandbox)
    assert verdicts(results) == ["AC", "WA", "CE", "RE", "NO_CODE", "NO_CODE", "TLE"]
    assert [result.sample for result in results] == list(range(7))
    assert [result.test for result in results] == [None, 1, None, 1, None, None, 1]
    assert sandbox.closed == sandbox.opened == 1


@pytest.mark.parametrize("name", ["lcb", "stdio"])
def test_results_do_not_depend_on_the_workers(sandbox, name):
    rng = random.Random(7)
    codes = [RIGHT, WRONG, BROKEN, RAISES, ""]
    programs = [Program(f"q{rng.randrange(9)}", number, rng.choice(codes)) for number in range(60)]
    runs = [judge(programs, sandbox, judge=name, workers=workers) for workers in (1, 2, 5)]
    for results in runs:
        assert [(r.question_id, r.sample) for r in results] == [(p.question_id, p.sample) for p in programs]
        assert verdicts(results) == verdicts(runs[0])
    assert set(verdicts(runs[0])) == {"AC", "WA", "CE", "RE", "NO_CODE"}


def test_inputs_are_sent_once_to_a_slot_and_dropped(sandbox):
    loads = []

    def load(question_id):
        loads.append(question_id)
        return problem(question_id)

    programs = [Program(f"q{number % 4}", number, RIGHT) for number in range(40)]
    judge(programs, sandbox, load)
    assert loads == ["q0", "q1", "q2", "q3"]


def test_public_and_private_tests(sandbox):
    first_wrong = "n = int(input())\nprint(n * 2 if n > 1 else 0)"
    for tests, expected in (("all", "WA"), ("public", "WA"), ("private", "AC")):
        assert verdicts(judge([Program("q", 0, first_wrong)], sandbox, tests=tests)) == [expected]


def test_no_tests_of_the_kind_asked_for_is_our_fault(sandbox):
    (result,) = judge([Program("q", 0, RIGHT)], sandbox, lambda q: ProblemTests(q, (b"1",), ("2",), 1), tests="private")
    assert result.verdict is Verdict.IE
    assert "no private tests" in result.message


def test_tests_that_cannot_be_loaded_stop_only_their_problem(sandbox):
    def load(question_id):
        if question_id == "bad":
            raise OSError("blob is \x1b[31mbroken")
        return problem(question_id)

    programs = [Program(question, sample, RIGHT) for sample in range(2) for question in ("good", "bad", "other")]
    results = judge(programs, sandbox, load, workers=2)
    assert verdicts(results) == ["AC", "IE", "AC"] * 2
    assert "blob is" in results[1].message
    assert results[1].message.isprintable()


def test_expected_output_that_cannot_be_compared_is_our_fault(sandbox):
    def load(question_id):
        return ProblemTests(question_id, (b"1",), ("no json",), 1, function="f")

    (result,) = judge([Program("q", 0, "def f(x):\n    return x")], sandbox, load)
    assert result.verdict is Verdict.IE
    assert "comparison failed" in result.message


def test_verdicts_come_as_they_are_known_in_the_callers_thread(sandbox):
    seen = []
    programs = [Program(f"q{number % 3}", number, RIGHT) for number in range(9)]
    results = judge(programs, sandbox, workers=2, on_verdict=lambda v: seen.append((v, threading.current_thread())))
    assert sorted(v.sample for v, _ in seen) == list(range(9))
    assert {thread for _, thread in seen} == {threading.main_thread()}
    assert sorted((v for v, _ in seen), key=lambda v: v.sample) == results


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_the_caller_raises_ends_the_run_and_closes_slots(sandbox, error):
    def deliver(verdict):
        raise error

    with pytest.raises(error):
        judge([Program("q", number, RIGHT) for number in range(50)], sandbox, workers=2, on_verdict=deliver)
    for _ in range(100):
        if sandbox.closed >= sandbox.opened:
            break
        time.sleep(0.05)
    assert sandbox.closed >= sandbox.opened


def test_a_lost_slot_loses_no_verdict(sandbox):
    rng = random.Random(3)
    sandbox.kills = lambda job, slot: slot % 2 and rng.random() < 0.05
    codes = [RIGHT, WRONG, RAISES]
    programs = [Program(f"q{number % 5}", number, codes[number % 3]) for number in range(120)]
    seen = []
    results = judge(programs, sandbox, workers=2, on_verdict=seen.append)
    assert verdicts(results) == ["AC", "WA", "RE"] * 40
    assert sandbox.opened > 2
    assert len(seen) == len(programs)
    assert any(result.reruns for result in results)


def test_a_program_that_kills_every_slot_is_a_runtime_error(sandbox):
    sandbox.kills = lambda job, slot: job.program == KILLER.encode()
    codes = [RIGHT, KILLER, RIGHT, WRONG, RIGHT]
    results = judge([Program("q", number, code) for number, code in enumerate(codes)], sandbox)
    assert verdicts(results) == ["AC", "RE", "AC", "WA", "AC"]
    assert results[1].message == KILLED
    assert results[1].cause == CRASH
    assert [result.reruns > 0 for result in results] == [False, True, False, False, False]


def test_a_program_that_lost_two_slots_by_accident_gets_its_verdict(sandbox):
    sandbox.kills = lambda job, slot: job.program == KILLER.encode() and slot < 3
    (result,) = judge([Program("q", 0, KILLER)], sandbox)
    assert result.verdict is Verdict.AC
    assert result.reruns == 2


def test_losses_that_no_program_explains_are_internal_errors(sandbox):
    sandbox.kills = lambda job, slot: True
    results = judge([Program("q", number, RIGHT) for number in range(3)], sandbox)
    assert verdicts(results) == ["IE"] * 3


def test_a_program_that_ran_to_its_end_keeps_its_verdict_though_its_slot_dies_in_the_sweep(sandbox):
    received = []

    def kills(job, slot):
        received.append(job)
        return len(received) > 3

    sandbox.kills = kills
    (result,) = judge([Program("q", 0, WRONG)], sandbox)
    assert result.verdict is Verdict.WA
    assert result.reruns == 0


def test_a_slot_that_dies_while_inputs_are_sent(sandbox):
    losses = iter([True] * 2 + [False] * 100)
    real = BareForkSandbox.open_slot

    def open_slot(stop=None):
        slot = real(sandbox)
        if next(losses):
            slot.load = lambda key, inputs: (_ for _ in ()).throw(SlotLost("gone", where=slot.name))
        return slot

    sandbox.open_slot = open_slot
    assert verdicts(judge([Program("q", 0, RIGHT)], sandbox)) == ["AC"]
    losses = iter([True] * 100)
    assert verdicts(judge([Program("q", 0, RIGHT)], sandbox)) == ["IE"]


def test_no_slot_at_all_is_raised(sandbox):
    def refuse(stop=None):
        raise InfrastructureError("no engine answers")

    sandbox.open_slot = refuse
    with pytest.raises(SsdError, match="no engine answers"):
        judge([Program("q", 0, RIGHT)], sandbox, workers=2)


def test_an_engine_that_comes_back_is_waited_for(sandbox):
    sandbox.kills = lambda job, slot: slot == 1 and job.program == KILLER.encode()
    real, refusals = sandbox.open_slot, iter([False, True, True, False])

    def open_slot(stop=None):
        if next(refusals):
            raise InfrastructureError("the engine restarts")
        return real()

    sandbox.open_slot = open_slot
    programs = [Program("q", number, code) for number, code in enumerate([RIGHT, KILLER, RIGHT])]
    assert verdicts(judge(programs, sandbox)) == ["AC"] * 3


def test_work_ends_though_a_second_slot_never_comes(sandbox):
    real, opened = sandbox.open_slot, []

    def open_slot(stop=None):
        opened.append(1)
        if len(opened) > 1:
            stop.wait()
            raise SlotLost("not needed any more")
        return real()

    sandbox.open_slot = open_slot
    programs = [Program(f"q{number}", number, RIGHT) for number in range(20)]
    start, threads = time.monotonic(), threading.active_count()
    assert verdicts(judge(programs, sandbox, workers=2)) == ["AC"] * 20
    assert time.monotonic() - start < 20
    assert threading.active_count() == threads


SLOW = "import time\nwhile time.process_time() < {}:\n    pass\nprint(int(input()) * 2)"


def test_a_time_just_over_the_limit_is_measured_again_alone(sandbox):
    limits = Limits(cpu_s=1.0, wall_s=10.0)
    one = lambda q: ProblemTests(q, (b"1\n",), ("2",), 1)  # noqa: E731
    programs = [Program("q", number, SLOW.format(seconds)) for number, seconds in enumerate((0.4, 1.1, 3.0))]
    results = judge(programs, sandbox, one, judge="stdio", limits=limits, workers=2)
    assert verdicts(results)[::2] == ["AC", "TLE"]
    assert [result.reruns for result in results] == [0, 1, 0]


def test_a_problems_own_limit_goes_first(sandbox):
    def load(question_id):
        return ProblemTests(question_id, (b"1\n",), ("2",), 1, cpu_s=0.2)

    (result,) = judge([Program("q", 0, SLOW.format(0.6))], sandbox, load, judge="stdio")
    assert result.verdict is Verdict.TLE


def recorded(sandbox):
    """Record what is done to a slot: ("submit", job), ("cancel", job) or ("end", job), in order."""
    events, real = [], sandbox.open_slot

    def open_slot(stop=None):
        slot = real()
        inner = slot.slot
        submit, cancel, receive = inner.submit, inner.cancel, inner.receive

        def noted():
            event = receive()
            if isinstance(event, JobEnd):
                events.append(("end", event.job))
            return event

        inner.submit = lambda job_id, job: (events.append(("submit", job_id)), submit(job_id, job))
        inner.cancel = lambda job_id: (events.append(("cancel", job_id)), cancel(job_id))
        inner.receive = noted
        return slot

    sandbox.open_slot = open_slot
    return events


def test_what_is_done_to_a_slot_does_not_depend_on_answers(sandbox):
    events = recorded(sandbox)
    seen = []
    for code in (RIGHT, WRONG):
        judge([Program("q", number, code) for number in range(30)], sandbox)
        seen.append(list(events))
        events.clear()
    assert seen[0] == seen[1]
    assert [event for event, _ in seen[0][:AHEAD]] == ["submit"] * AHEAD


@pytest.mark.parametrize("name", ["lcb", "stdio"])
def test_a_wrong_program_runs_all_tests(sandbox, tmp_path, name):
    runs = tmp_path / "runs"
    code = f"n = int(input())\nwith open({str(runs)!r}, 'a') as file:\n    file.write(f'{{n}} ')\nprint(7)"
    (result,) = judge([Program("q", 0, code)], sandbox, judge=name)
    assert (result.verdict, result.test, result.cause) == (Verdict.WA, 1, "done")
    assert runs.read_text() == "1 2 21 "


def test_a_program_that_is_too_slow_in_one_test_does_not_run_the_others(sandbox):
    events = recorded(sandbox)
    code = "import time\nstart = time.process_time()\nwhile time.process_time() < start + 1.1:\n    pass\nprint(7)"
    (result,) = judge([Program("q", 0, code)], sandbox, limits=Limits(cpu_s=1.0, wall_s=20.0))
    assert (result.verdict, result.test, result.reruns) == (Verdict.TLE, 1, 1)
    assert [event for event, _ in events].count("cancel") == 2


WRONG_AND_SLOW = """
import time
n = int(input())
while n == 2 and time.process_time() < 1.1:
    pass
print(n * 2 if {} else 7)
"""


def test_the_second_look_does_not_depend_on_answers_and_does_not_undo_them(sandbox, tmp_path):
    """A program that is right in its second run alone stays wrong."""
    flag = tmp_path / "ran"
    tests = ProblemTests("q", (b"1\n", b"2\n"), ("2", "4"), 1)
    limits = Limits(cpu_s=1.0, wall_s=20.0)
    first = f"open({str(flag)!r}, 'w').close()"
    wrong = WRONG_AND_SLOW.format("False")
    right = WRONG_AND_SLOW.format("True")
    second_right = WRONG_AND_SLOW.format(f"__import__('os').path.exists({str(flag)!r})") + first
    results = judge(
        [Program("q", 0, right), Program("q", 1, wrong)], sandbox, lambda q: tests, judge="stdio", limits=limits
    )
    assert [result.reruns for result in results] == [1, 1]
    (result,) = judge([Program("q", 0, second_right)], sandbox, lambda q: tests, judge="stdio", limits=limits)
    assert (result.verdict, result.test, result.reruns) == (Verdict.WA, 1, 1)


def test_a_lost_slot_does_not_undo_a_wrong_answer(sandbox, tmp_path):
    """It runs again, as a right one would, but what was wrong before the loss stays wrong."""
    runs = tmp_path / "runs"
    code = f"n = int(input())\nopen({str(runs)!r}, 'a').write('x')\nprint(7 if len(open({str(runs)!r}).read()) < 3 else n * 2)"
    received = []

    def kills(job, slot):
        received.append(slot)
        return slot == 1 and len(received) > 2

    sandbox.kills = kills
    (result,) = judge([Program("q", 0, code)], sandbox, judge="stdio")
    assert (result.verdict, result.test, result.reruns) == (Verdict.WA, 1, 1)
    assert len(runs.read_text()) > 3


def test_an_empty_batch_opens_nothing(sandbox):
    assert judge([], sandbox) == []
    assert verdicts(judge([Program("q", 0, "")], sandbox)) == ["NO_CODE"]
    assert sandbox.opened == 0
