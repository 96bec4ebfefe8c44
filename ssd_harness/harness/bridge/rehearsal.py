"""Check ``lm_eval`` command lines with all that they check themselves before they sample, and run none of them."""

import contextlib
import logging
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TextIO

from ssd_harness.errors import ExitCode, InfrastructureError, UsageError
from ssd_harness.harness import bridge, evaluation_request
from ssd_harness.harness.bridge import discovery

_ERROR = "error: "


def rehearse(commands: Iterable[tuple[str, Sequence[str]]], *, extent: Literal["words", "machine"]) -> None:
    """Check (label, arguments) of ``lm_eval`` commands; raises the first one's refusal, with its label.

    ``words`` checks what is asked for against the model's own files, ``machine`` also sandbox, memory and disk.
    """
    bridge.activate()
    from lm_eval.__main__ import cli_evaluate

    with evaluation_request.rehearsing(extent), discovery.remembering():
        for label, words in commands:
            with _command_line(words), tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
                code: int = ExitCode.DONE
                with _output_to(output):
                    try:
                        cli_evaluate()
                    except SystemExit as end:
                        code = end.code if isinstance(end.code, int) else ExitCode.USAGE
                if code:
                    output.seek(0)
                    line = (output.read().strip().splitlines() or ["no reason given"])[-1].partition(_ERROR)[2]
                    failure = UsageError if code == ExitCode.USAGE else InfrastructureError
                    raise failure(f"cell {label}: {line}")


@contextlib.contextmanager
def _command_line(words: Sequence[str]) -> Iterator[None]:
    kept, sys.argv = sys.argv, ["lm_eval", *words]
    try:
        yield
    finally:
        sys.argv = kept


@contextlib.contextmanager
def _output_to(stream: TextIO) -> Iterator[None]:
    """Collect what is printed inside the block; lm-eval's log lines are left out."""
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
