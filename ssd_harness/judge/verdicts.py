"""The verdicts."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ssd_harness import schema


class Verdict(StrEnum):
    """How a program did. AC counts as right, IE not at all, everything else as wrong."""

    AC = "AC"
    """Accepted: every test passed."""
    WA = "WA"
    """Wrong answer."""
    RE = "RE"
    """Runtime error: an exception, a non-zero exit, a crash."""
    TLE = "TLE"
    """Over the time limit."""
    MLE = "MLE"
    """Over the memory limit."""
    OLE = "OLE"
    """Printed or returned more than the limit."""
    CE = "CE"
    """Does not compile."""
    NO_CODE = "NO_CODE"
    """The generation holds no program."""
    IE = "IE"
    """Internal error: our fault, never the program's. It is retried, then fails the run; it never counts as wrong."""


CRASH = "signal"
"""The cause of a runtime error that ended the process without an exception."""

MAX_MESSAGE = 240
"""Longest message of a verdict, in characters."""


@dataclass(frozen=True, slots=True)
class ProgramVerdict:
    """The verdict on one program."""

    question_id: str
    sample: int
    verdict: Verdict
    test: int | None = None
    """Number of the first failing test, from 1 in the order run; None if none was run or all passed."""
    cpu_s: float = 0.0
    """CPU time of the program over all tests that ran, in seconds."""
    wall_s: float = 0.0
    peak: int = 0
    """Peak resident memory in bytes."""
    message: str = ""
    """A short printable reason: hostile text, cut and escaped."""
    reruns: int = 0
    """How often it ran again: because of a time near the limit or a lost slot."""
    cause: str = ""
    """How the failing test ended in the sandbox: a value of ``sandbox.interface.Status``; "" if none failed."""

    @property
    def passed(self) -> bool:
        """Whether the program was accepted."""
        return self.verdict is Verdict.AC

    def as_row(self) -> dict[str, Any]:
        """Return the JSON row of ``verdicts.jsonl``."""
        row = {**asdict(self), "verdict": self.verdict.value, "passed": self.passed}
        return {schema.KEY: schema.VERDICTS, **row}
