"""The judge ``lcb`` against the official scorer, program by program, on the 878 published programs of O1-Mini."""

import json

import pytest

from ssd_harness.judge.problem_tests import Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.verdicts import CRASH, Verdict
from ssd_harness.livecodebench.releases import select
from ssd_harness.livecodebench.store import open_store

pytestmark = [pytest.mark.docker, pytest.mark.lcb, pytest.mark.slow]

TIME_LIMIT = -3
OFFICIAL_CODES = {
    Verdict.AC: None,
    Verdict.WA: -2,
    Verdict.OLE: -2,
    Verdict.TLE: TIME_LIMIT,
    Verdict.RE: -4,
    Verdict.CE: -4,
    Verdict.NO_CODE: -4,
    Verdict.MLE: -5,
}
"""The official scorer's error codes: wrong answer, time limit, runtime or compile error, runner error."""
LIMIT_S = 6.0
FASTER = 3
"""By how much this machine may outdo the one that the official verdicts were measured on."""
FAIL_OFFICIALLY_NOW = {"abc303_d", "abc338_d", "abc344_b", "abc359_d", "abc380_c"}
"""Published passes that the official scorer fails at its present commit: ``readline`` then ``read``, iterating stdin."""


def official_code(verdict):
    """Return the code that the official scorer has for ``verdict``; a crash is an error of its runner."""
    crashed = verdict.verdict is Verdict.RE and verdict.cause == CRASH
    return -5 if crashed else OFFICIAL_CODES[verdict.verdict]


def rows(path):
    with path.open(encoding="utf-8") as lines:
        return {row["question_id"]: row for row in map(json.loads, lines)}


@pytest.fixture(scope="module")
def published(lcb_fixtures):
    return rows(lcb_fixtures / "generations_o1-mini.jsonl")


@pytest.fixture(scope="module")
def official(lcb_fixtures):
    return rows(lcb_fixtures / "official_o1-mini.jsonl")


@pytest.fixture(scope="module")
def judged(published, lcb_fixtures, docker_sandbox):
    store = open_store(select("v6"), lcb_fixtures / "code_generation_lite")
    programs = [Program(question_id, 0, row["code"]) for question_id, row in published.items()]
    verdicts = judge_programs(programs, store.tests, judge="lcb", sandbox=docker_sandbox)
    return {verdict.question_id: verdict for verdict in verdicts}


def test_no_internal_error(judged):
    assert [verdict for verdict in judged.values() if verdict.verdict is Verdict.IE] == []


def test_same_verdict_and_code_as_the_official_scorer(judged, official):
    """Only time may tell them apart: the official limit is wall time, and one machine's seconds are not another's.

    That excuses a program that works for seconds, however fast this machine is, and no other.
    """
    differing = [
        verdict
        for question_id, verdict in judged.items()
        if (verdict.passed, official_code(verdict))
        != (official[question_id]["pass"], official[question_id]["error_code"])
        and not (
            TIME_LIMIT in (official_code(verdict), official[question_id]["error_code"])
            and verdict.cpu_s > LIMIT_S / FASTER
        )
    ]
    assert differing == []


def test_published_passes_pass(judged, published):
    failing = {question_id for question_id, row in published.items() if row["official_pass"]} - {
        question_id for question_id, verdict in judged.items() if verdict.passed
    }
    assert failing == FAIL_OFFICIALLY_NOW
