"""Micro-programs, one a rule of the judges' semantics, run through the real sandbox in one batch a judge.

``programs/*.yaml`` is a list of cases: ``name``, ``program``, ``tests`` as (input, expected) pairs, ``function`` for a
functional problem, the expected verdict by judge, and ``test``, the number of the first failing test (an int, or one by
judge).
``sandbox_only`` marks what needs limits, the image's packages, or a fork from the main thread.
"""

from pathlib import Path

import pytest
import yaml
from bench.bare_fork import BareForkSandbox

from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.sandbox.interface import Limits

LIMITS = Limits(cpu_s=1.0, wall_s=3.0, memory=1 << 30)
JUDGES = ("lcb", "stdio")


def load_cases():
    cases = {}
    for path in sorted((Path(__file__).parent / "programs").glob("*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            key = f"{path.stem}: {case['name']}"
            assert key not in cases, f"two cases are called {key}"
            cases[key] = case
    return cases


CASES = load_cases()
UNCONFINED = [key for key, case in CASES.items() if not case.get("sandbox_only")]


def problem(key):
    inputs, expected = zip(*CASES[key]["tests"], strict=True)
    return ProblemTests(key, tuple(text.encode() for text in inputs), expected, 1, CASES[key].get("function"))


@pytest.fixture(scope="session", params=JUDGES)
def verdicts(request, docker_sandbox):
    """Every case's verdict under one judge, from one batch."""
    programs = [Program(key, 0, case["program"]) for key, case in CASES.items()]
    judged = judge_programs(programs, problem, judge=request.param, sandbox=docker_sandbox, limits=LIMITS)
    return request.param, {verdict.question_id: verdict for verdict in judged}


@pytest.fixture(scope="session", params=JUDGES)
def unconfined_verdicts(request):
    """The same from the runners alone, in bare forks: no engine needed."""
    programs = [Program(key, 0, CASES[key]["program"]) for key in UNCONFINED]
    judged = judge_programs(programs, problem, judge=request.param, sandbox=BareForkSandbox(), workers=1)
    return request.param, {verdict.question_id: verdict for verdict in judged}


@pytest.mark.docker
@pytest.mark.parametrize("key", CASES)
def test_verdict(verdicts, key):
    check(key, *verdicts)


@pytest.mark.process
@pytest.mark.parametrize("key", UNCONFINED)
def test_verdict_of_the_runners_alone(unconfined_verdicts, key):
    check(key, *unconfined_verdicts)


def check(key, judge, by_key):
    case, got = CASES[key], by_key[key]
    assert got.verdict.value == case[judge], got
    wanted = case.get("test")
    wanted = wanted.get(judge) if isinstance(wanted, dict) else wanted
    if wanted is not None:
        assert got.test == wanted, got


def test_there_are_enough_cases():
    assert len(CASES) >= 80
    functional = sum("function" in case for case in CASES.values())
    assert functional >= 30
    assert len(CASES) - functional >= 50
