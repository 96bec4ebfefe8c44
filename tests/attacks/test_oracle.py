"""Samples of one problem that tell each other everything: what one learned from its run must not help the next.

The sandbox here isolates nothing, so the samples share a file, which no channel between slots can beat. Four tests have
an answer of one bit each, which no sample knows. Sample n guesses the bits of n, unless the runs of the samples before it
differ in any way: then it takes over what the luckiest one must have had right. By chance exactly one of 16 passes.
"""

import gc

import pytest
from bench.bare_fork import BareForkSandbox

from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.trial import Trial
from ssd_harness.judge.verdicts import Verdict
from ssd_harness.sandbox.interface import Limits, SlotLost

pytestmark = pytest.mark.process

TESTS = 4
SECRET = 11
SAMPLES = 1 << TESTS
LIMITS = Limits(cpu_s=0.6, wall_s=30.0)

PROGRAM = """
import os
import time

begin = time.process_time()
FOLDER, ME, TRICK, TESTS = {folder!r}, {me}, {trick!r}, {tests}


def note(text):
    handle = os.open(FOLDER + "/notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, (text + "\\n").encode())
    os.close(handle)


def runs_of_others():
    others = {{}}
    for line in open(FOLDER + "/notes"):
        sample, test, answer = map(int, line.split())
        if sample < ME:
            others.setdefault(sample, []).append((test, answer))
    return list(others.values())


def answer(test):
    mine = ME >> (test - 1) & 1
    runs = [run for run in runs_of_others() if run]
    if len(set(map(len, runs))) < 2:
        return mine
    best = dict(max(runs, key=len))
    reached = max(best)
    if test < reached:
        return best[test]
    return 1 - best[test] if test == reached and reached < TESTS else mine


test = int(input())
note("{{}} {{}} {{}}".format(ME, test, -1))
given = answer(test)
note("{{}} {{}} {{}}".format(ME, test, given))
again = sum(line.startswith("{{}} {{}} ".format(ME, test)) for line in open(FOLDER + "/notes")) > 2
if test == TESTS and not again:
    if TRICK == "overtime":
        while time.process_time() < begin + {burnt}:
            pass
    elif TRICK == "loss":
        os.close(os.open(FOLDER + "/kill", os.O_WRONLY | os.O_CREAT))
print(given)
"""


class _LosingSlot:
    """A slot that is lost when a program asks for it."""

    def __init__(self, slot, request):
        self._slot, self._request = slot, request

    def receive(self):
        event = self._slot.receive()
        if self._request.exists():
            self._request.unlink()
            raise SlotLost("gone", where=self._slot.name)
        return event

    def __getattr__(self, name):
        return getattr(self._slot, name)


class LosingSandbox(BareForkSandbox):
    """Loses a slot whenever a program wants it to."""

    def __init__(self, request):
        super().__init__()
        self._request = request

    def open_slot(self, stop=None):
        return _LosingSlot(super().open_slot(), self._request)


@pytest.fixture(autouse=True)
def _no_collections():
    """Keep the collector out of forks that parse: CPython 3.11 takes what pytest hooks into it for an error there."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("trick", ["reach", "overtime", "loss"])
@pytest.mark.parametrize("judge", ["lcb", "stdio"])
def test_samples_that_share_all_they_see_pass_by_chance_alone(tmp_path, judge, trick):
    tests = ProblemTests(
        "q",
        tuple(f"{number}\n".encode() for number in range(1, TESTS + 1)),
        tuple(str(SECRET >> number & 1) for number in range(TESTS)),
        1,
    )
    programs = [
        Program(
            "q", me, PROGRAM.format(folder=str(tmp_path), me=me, trick=trick, tests=TESTS, burnt=1.05 * LIMITS.cpu_s)
        )
        for me in range(SAMPLES)
    ]
    (tmp_path / "notes").touch()
    sandbox = LosingSandbox(tmp_path / "kill")
    results = judge_programs(programs, lambda _: tests, judge=judge, sandbox=sandbox, workers=1, limits=LIMITS)
    assert [result.sample for result in results if result.passed] == [SECRET], results[:3]
    assert {result.reruns for result in results} == ({0} if trick == "reach" else {1})


TRACE = PROGRAM.replace("given = answer(test)", "given = ME >> (test - 1) & 1")


def _trace(folder, secret, judge, trick):
    """Judge 16 samples that note all they see and learn nothing from it; return their notes."""
    folder.mkdir()
    (folder / "notes").touch()
    inputs = tuple(f"{number}\n".encode() for number in range(1, TESTS + 1))
    tests = ProblemTests("q", inputs, tuple(str(secret >> number & 1) for number in range(TESTS)), 1)
    values = {"folder": str(folder), "trick": trick, "tests": TESTS, "burnt": 1.05 * LIMITS.cpu_s}
    programs = [Program("q", me, TRACE.format(me=me, **values)) for me in range(SAMPLES)]
    sandbox = LosingSandbox(folder / "kill")
    results = judge_programs(programs, lambda _: tests, judge=judge, sandbox=sandbox, workers=1, limits=LIMITS)
    return (folder / "notes").read_text(), results


@pytest.mark.parametrize("judge", ["lcb", "stdio"])
def test_what_runs_and_in_which_order_is_the_same_whatever_is_expected(tmp_path, judge):
    notes, results = zip(*(_trace(tmp_path / str(secret), secret, judge, "reach") for secret in (0, 11)), strict=True)
    assert notes[0] == notes[1]
    assert [[result.sample for result in each if result.passed] for each in results] == [[0], [11]]


@pytest.mark.parametrize("judge", ["lcb", "stdio"])
def test_a_comparison_that_fails_on_some_answers_shows_nothing(tmp_path, monkeypatch, judge):
    """As if an output made our own comparison fail where, and only where, it is wrong."""
    compare = Trial._judge

    def failing(self, outcome):
        compare(self, outcome)
        if self.decision is not None:
            raise ValueError("as if this output broke the comparison")

    monkeypatch.setattr(Trial, "_judge", failing)
    notes, results = zip(*(_trace(tmp_path / str(secret), secret, judge, "reach") for secret in (0, 11)), strict=True)
    assert notes[0] == notes[1]
    assert {result.verdict for result in results[0] if not result.passed} == {Verdict.IE}
