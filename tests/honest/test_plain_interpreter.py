"""Judge `stdio` against the image's own interpreter: same verdict as a plain run of the same file, program by program.

``programs/NAME.py`` is a program, ``NAME.in`` its input. What a plain run prints is the expected output; a program that
ends with status 0 there is right, any other fails.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from plain_runs import PROGRAMS, given_input, plain_runs

from ssd_harness.judge.comparison import compare_lines
from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.verdicts import Verdict

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def plain(docker_sandbox):
    return plain_runs()


@pytest.fixture(scope="module", params=["docker", "process"])
def judged(request, plain):
    sandbox = request.getfixturevalue(f"{request.param}_sandbox")

    def tests(name):
        return ProblemTests(name, (given_input(name),), (plain[name][1].decode("utf-8", "surrogateescape"),), 1)

    programs = [Program(name, 0, path.read_bytes().decode()) for name, path in PROGRAMS.items()]
    return {verdict.question_id: verdict for verdict in judge_programs(programs, tests, judge="stdio", sandbox=sandbox)}


def test_there_are_enough_programs():
    assert len(PROGRAMS) >= 150


def test_a_plain_run_says_something_of_each(plain):
    assert set(plain) == set(PROGRAMS)
    assert sum(status == 0 and bool(output.strip()) for status, output in plain.values()) >= 150


def test_no_verdict_differs(judged, plain):
    differing = {
        name: (plain[name][0], verdict)
        for name, verdict in judged.items()
        if verdict.passed is not (plain[name][0] == 0) or verdict.verdict is Verdict.IE
    }
    assert differing == {}


def test_a_wrong_answer_is_seen(plain):
    """The comparison tells the programs' outputs apart, so that an accepted one printed its own."""
    assert compare_lines(plain["input_plain"][1], plain["input_crlf"][1].decode())
