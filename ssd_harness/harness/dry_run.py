"""Run all checks of ``lm_eval`` commands without evaluating anything."""

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from ssd_harness.errors import ExitCode, InfrastructureError, UsageError
from ssd_harness.harness import lm_eval_command, run_context
from ssd_harness.harness.patches.command_errors import expected_cause
from ssd_harness.harness.run_context import CheckLevel


def check_commands(commands: Iterable[tuple[str, Sequence[str]]], *, level: CheckLevel) -> None:
    """Check ``lm_eval`` commands, each given as (label, arguments); raise the first error, with its label.

    Level ``arguments`` checks the arguments against the model's own files, ``machine`` also sandbox, memory and disk.
    """
    with run_context.dry_run(level):
        for label, arguments in commands:
            with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
                try:
                    with _output_to(output):
                        lm_eval_command.run(arguments)
                except SystemExit as end:
                    if end.code:
                        raise _failure(label, end, output) from end


def _failure(label: str, end: SystemExit, output: TextIO) -> UsageError | InfrastructureError:
    """Return the error that ended a command; lm-eval's own parser only prints its errors."""
    cause = expected_cause(end)
    output.seek(0)
    reason = str(cause or (output.read().strip().splitlines() or ["no reason given"])[-1])
    is_usage = not isinstance(end.code, int) or end.code == ExitCode.USAGE
    return (UsageError if is_usage else InfrastructureError)(f"cell {label}: {reason}")


@contextlib.contextmanager
def _output_to(stream: TextIO) -> Iterator[None]:
    """Send what is printed inside the block to ``stream``, without lm-eval's log lines."""
    logger = logging.getLogger("lm_eval")
    disabled, logger.disabled = logger.disabled, True
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield
    finally:
        logging.disable(before)
        logger.disabled = disabled
