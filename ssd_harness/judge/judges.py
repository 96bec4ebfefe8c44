"""The judges and the parts of a problem's tests, by the names that users write."""

from enum import StrEnum


class Judge(StrEnum):
    """Whose semantics decide."""

    LCB = "lcb"
    """Those of LiveCodeBench's official scorer, quirks included, for comparison with published numbers."""
    STDIO = "stdio"
    """Those of the plain interpreter, in a fresh process for each test."""


class TestSelection(StrEnum):
    """Which of a problem's tests to run."""

    __test__ = False  # not a pytest class

    ALL = "all"
    PUBLIC = "public"
    PRIVATE = "private"


JUDGES = tuple(map(str, Judge))
TESTS = tuple(map(str, TestSelection))
