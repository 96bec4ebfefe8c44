import contextlib
import io
import itertools
import json
import sys
from collections import deque

import pytest


def _passes(program, function, case):
    """Run one of our own programs on one test in this process, as LiveCodeBench would."""
    names = {"List": list, "deque": deque, "itertools": itertools, "__name__": "program"}
    if function:
        exec(program, names)
        returned = getattr(names["Solution"](), function)(*map(json.loads, case.input.split("\n")))
        return returned == json.loads(case.output)
    printed, before = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(case.input)
    try:
        with contextlib.redirect_stdout(printed):
            exec(program, names)
    finally:
        sys.stdin = before
    return printed.getvalue().strip() == case.output.strip()


@pytest.fixture
def solves():
    """Tell whether a program passes all tests of a problem; an exception is a failure."""

    def solves(program, problem):
        for case in problem.public + problem.private:
            try:
                if not _passes(program, problem.function, case):
                    return False
            except Exception:
                return False
        return True

    return solves
