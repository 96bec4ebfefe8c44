"""The family of expected errors, and their exit codes."""

from enum import IntEnum

from ssd_harness.printable import printable


class ExitCode(IntEnum):
    """The exit status of an ``ssd-harness`` command; docs/reference/exit-codes.md lists them.

    REGRESSION and INCONCLUSIVE belong to a gate over a comparison; no other command returns them.
    """

    DONE = 0
    REGRESSION = 1
    """A gate found the candidate worse than its baseline."""
    USAGE = 2
    """The command line, a recipe or an option is wrong."""
    INFRASTRUCTURE = 3
    """Engine, data or disk failed, or internal errors remain among the verdicts."""
    INCONCLUSIVE = 4
    """The evidence is inconclusive and the caller asked to fail then."""
    INTERRUPTED = 130
    """Ctrl-C, as shells report it."""


INTERRUPTED = "ssd-harness: interrupted; run the same command again to continue"
"""The line that is printed after Ctrl-C."""


class SsdError(Exception):
    """An expected error: what happened, where, and what to do next, in one line.

    The command line prints it without a traceback; the traceback of any other exception goes to a log
    (:mod:`ssd_harness.crash_log`).
    """

    exit_code = ExitCode.INFRASTRUCTURE

    def __init__(self, what: str, *, where: object = None, next_step: str | None = None) -> None:
        self.what, self.where, self.next_step = what, where, next_step
        line = what if where is None else f"{what} [{where}]"
        if next_step:
            line = f"{line}; {next_step}"
        super().__init__(printable(line, 4000))  # it may quote files, models and other tools


class UsageError(SsdError):
    """The request is invalid: exit code 2."""

    exit_code = ExitCode.USAGE


class InfrastructureError(SsdError):
    """The engine, the data, the disk or this package failed: exit code 3."""
