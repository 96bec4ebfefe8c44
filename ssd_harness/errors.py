"""The one family of expected failures, and the exit codes they end in."""

from enum import IntEnum

from ssd_harness.printable import printable


class ExitCode(IntEnum):
    """What a finished ``ssd-harness`` command tells the shell."""

    DONE = 0
    REGRESSION = 1
    """A gate found the candidate worse than its baseline."""
    USAGE = 2
    """The command line, a recipe or an option is wrong."""
    INFRASTRUCTURE = 3
    """Engine, data or disk failed, or internal errors are left among the verdicts."""
    INCONCLUSIVE = 4
    """The evidence decides nothing and the caller asked for that to fail."""
    INTERRUPTED = 130
    """Ctrl-C, as shells report it."""


INTERRUPTED = "ssd-harness: interrupted; run the same command again to go on"
"""What is printed after Ctrl-C."""


class SsdError(Exception):
    """An expected failure: what happened, where, and what to do next, in one line.

    The command line prints it without a traceback; that of anything else that escapes goes to a log
    (:mod:`ssd_harness.crash_log`).
    """

    exit_code = ExitCode.INFRASTRUCTURE

    def __init__(self, what: str, *, where: object = None, next_step: str | None = None) -> None:
        self.what, self.where, self.next_step = what, where, next_step
        line = what if where is None else f"{what} [{where}]"
        if next_step:
            line = f"{line}; {next_step}"
        super().__init__(printable(line, 4000))  # files, models and other tools have a say in it


class UsageError(SsdError):
    """The caller asked for something that cannot be: exit code 2."""

    exit_code = ExitCode.USAGE


class InfrastructureError(SsdError):
    """The engine, the data, the disk or one of our own parts failed: exit code 3."""
