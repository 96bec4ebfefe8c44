"""A problem's tests and a program for it: inputs go into the sandbox, expected outputs never do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemTests:
    """One problem's tests, public ones first."""

    question_id: str
    inputs: tuple[bytes, ...]
    """Standard input, or one JSON value per line (functional)."""
    expected: tuple[str, ...]
    """Expected standard output, or one JSON value (functional)."""
    public: int
    """Number of public tests."""
    function: str | None = None
    """Name of the function or method to call; None for problems on standard input."""
    cpu_s: float | None = None
    """The problem's own CPU limit for a test in seconds; None for the judge's default."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program to judge: sample number ``sample`` of problem ``question_id``; its code is empty if there is none."""

    question_id: str
    sample: int
    code: str
