"""Program texts that are odd as text: too long, not encodable, full of NULs. None may end the run or harm another."""

import pytest
from attacked_problems import LIMITS, PROBLEMS, load_tests

from ssd_harness.judge.problem_tests import Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.verdicts import Verdict

ODD = {
    "seventy megabytes": "#" + "x" * (70 << 20),
    "millions of lines": "x = 1\n" * 600_000,
    "one long line": "x = " + "1 + " * 900_000 + "1",
    "NUL": "print(1)\0",
    "lone surrogate": "print('\ud800')",
    "surrogates as names": "\udc80 = 1",
    "byte order mark in the middle": "x = 1\n\ufeffprint(x)",
    "carriage returns": "print(1)\rprint(2)\r",
    "form feeds": "\x0cprint(1)\x0c",
    "another encoding": "# coding: utf-7\n+AHA-rint(1)",
    "unknown encoding": "# coding: \x1b[2J\nprint(1)",
    "brackets": "(" * 100_000,
    "indentation": "\n".join(" " * depth + "if 1:" for depth in range(2000)),
    "spaces only": " \t\n\x0c\r\n",
    "a comment only": "# nothing",
    "no statement but imports": "import sys, os",
    "endless text": '"""',
    "right to left": "print('\u202e\u2066')",
}


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def sandbox(request):
    return request.getfixturevalue(f"{request.param}_sandbox")


@pytest.mark.slow
@pytest.mark.parametrize("judge", ["lcb", "stdio"])
@pytest.mark.parametrize("problem", ["stdin", "int"])
def test_odd_programs(sandbox, judge, problem):
    right = PROBLEMS[problem].right
    batch = [code for odd in ODD.values() for code in (odd, right)]
    verdicts = judge_programs(
        [Program(problem, number, code) for number, code in enumerate(batch)],
        load_tests,
        judge=judge,
        sandbox=sandbox,
        workers=1,
        limits=LIMITS,
    )
    odd = dict(zip(ODD, verdicts[::2], strict=True))
    assert not [name for name, verdict in odd.items() if verdict.verdict in (Verdict.AC, Verdict.IE)]
    assert all(verdict.message.isprintable() and len(verdict.message) < 1000 for verdict in odd.values())
    assert odd["seventy megabytes"].verdict is Verdict.CE
    assert odd["spaces only"].verdict is Verdict.NO_CODE
    assert {verdict.verdict for verdict in verdicts[1::2]} == {Verdict.AC}
