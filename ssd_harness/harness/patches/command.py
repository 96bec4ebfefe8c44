"""End lm-eval's command as ours ends: with one line and an exit code, if it names our models or tasks."""

import functools
import sys
from types import ModuleType
from typing import Any, NoReturn

from ssd_harness import crash_log
from ssd_harness.errors import INTERRUPTED, ExitCode, SsdError
from ssd_harness.harness import process_group, run_context
from ssd_harness.harness.patches import command_errors, final_summary


def wrap_command(harness: ModuleType) -> None:
    """Wrap both steps of lm-eval's command line."""
    wrap_parse_args(harness)
    wrap_execute(harness)


def wrap_parse_args(harness: ModuleType) -> None:
    """Wrap the step that parses the command line."""
    original = harness.HarnessCLI.parse_args

    @functools.wraps(original)
    def parse_args(self: Any) -> Any:
        try:
            return original(self)
        except Exception as error:
            if expected := command_errors.expected_error(error, sys.argv[1:]):
                _end(expected)
            raise

    harness.HarnessCLI.parse_args = parse_args


def wrap_execute(harness: ModuleType) -> None:
    """Wrap the step that runs a subcommand."""
    original = harness.HarnessCLI.execute

    @functools.wraps(original)
    def execute(self: Any, args: Any) -> Any:
        with run_context.entered(run_context.current().for_command()) as context:
            result = _run(original, self, args)
            if context.command.evaluates_ours:
                process_group.shut_down()
            # Only now, after lm-eval has printed its table: it may be all that is left of the results.
            if context.command.save_error:
                _end(context.command.save_error)
            final_summary.show(context.command.finished)
        return result

    harness.HarnessCLI.execute = execute


def _run(execute: Any, *arguments: Any) -> Any:
    try:
        command_errors.check_config(sys.argv[1:])
        return execute(*arguments)
    except KeyboardInterrupt:
        if not command_errors.concerns_us(sys.argv[1:]):
            raise
        print(INTERRUPTED, file=sys.stderr)
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None
    except Exception as error:
        expected = command_errors.expected_cause(error)
        if expected is None and crash_log.is_ours(error):
            expected = crash_log.report(error, sys.argv)
        expected = expected or command_errors.expected_error(error, sys.argv[1:])
        if expected is None:
            raise
        _end(expected)


def _end(error: SsdError) -> NoReturn:
    """Print the error and exit; the cause of the exit is the error, for callers in this process."""
    print(f"ssd-harness: error: {error}", file=sys.stderr)
    raise SystemExit(int(error.exit_code)) from error
