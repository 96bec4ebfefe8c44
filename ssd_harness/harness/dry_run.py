"""Run all checks of ``lm_eval`` commands without evaluating anything."""

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from ssd_harness.errors import ExitCode, InfrastructureError, UsageError
from ssd_harness.harness import lm_eval_command, run_context
from ssd_harness.harness.run_context import CheckLevel

_ERROR = "error: "


def check_commands(commands: Iterable[tuple[str, Sequence[str]]], *, level: CheckLevel) -> None:
    """Check ``lm_eval`` commands, each given as (label, arguments); raise the first error, with its label.

    Level ``arguments`` checks the arguments against the model's own files, ``machine`` also sandbox, memory and disk.
    """
    with run_context.dry_run(level):
        for label, arguments in commands:
            with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
                code: int = ExitCode.DONE
                with _output_to(output):
                    try:
                        lm_eval_command.run(arguments)
                    except SystemExit as end:
                        code = end.code if isinstance(end.code, int) else ExitCode.USAGE
                if code:
                    output.seek(0)
                    line = (output.read().strip().splitlines() or ["no reason given"])[-1].partition(_ERROR)[2]
                    failure = UsageError if code == ExitCode.USAGE else InfrastructureError
                    raise failure(f"cell {label}: {line}")


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
