"""A problem as the judge sees it: inputs go into the sandbox, expected outputs never do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemTests:
    """One problem's tests, public ones first."""

    question_id: str
    inputs: tuple[bytes, ...]
    """Raw standard input, or one JSON value a line (functional)."""
    expected: tuple[str, ...]
    """Expected standard output, or one JSON value (functional)."""
    public: int
    """How many of the tests, from the start, are public."""
    function: str | None = None
    """Name of the function or method to call; None for problems on standard input."""
    cpu_s: float | None = None
    """Own CPU limit a test in seconds; None for the judge's default."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program to judge: sample number ``sample`` for problem ``question_id``; empty code means none was found."""

    question_id: str
    sample: int
    code: str
