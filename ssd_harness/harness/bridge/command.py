"""End lm-eval's command as ours ends: one line and an exit code, where the command names our models or tasks."""

import functools
import sys
from types import ModuleType
from typing import Any, NoReturn

from ssd_harness import crash_log
from ssd_harness.errors import INTERRUPTED, ExitCode, SsdError
from ssd_harness.harness.bridge import closing_lines, rank_end, refusals, saving


def wrap_command(harness: ModuleType) -> None:
    """Wrap both steps of lm-eval's command line."""
    wrap_parse_args(harness)
    wrap_execute(harness)


def wrap_parse_args(harness: ModuleType) -> None:
    """Wrap the step that reads the command line."""
    original = harness.HarnessCLI.parse_args

    @functools.wraps(original)
    def parse_args(self: Any) -> Any:
        try:
            return original(self)
        except Exception as error:
            if refusal := refusals.refusal_of(error, sys.argv[1:]):
                _end(refusal)
            raise

    harness.HarnessCLI.parse_args = parse_args


def wrap_execute(harness: ModuleType) -> None:
    """Wrap the step of lm-eval's command line that runs a sub-command."""
    original = harness.HarnessCLI.execute

    @functools.wraps(original)
    def execute(self: Any, args: Any) -> Any:
        try:
            refusals.check_config(sys.argv[1:])
            result = original(self, args)
        except KeyboardInterrupt:
            if not refusals.concerns_us(sys.argv[1:]):
                raise
            print(INTERRUPTED, file=sys.stderr)
            raise SystemExit(int(ExitCode.INTERRUPTED)) from None
        except Exception as error:
            expected = _expected(error)
            if expected is None and crash_log.is_ours(error):
                expected = crash_log.report(error, sys.argv)
            expected = expected or refusals.refusal_of(error, sys.argv[1:])
            if expected is None:
                raise
            _end(expected)
        rank_end.leave_together()
        # Only now, so that the table has been printed: it may be all that is left of the results.
        if failure := saving.take_failure():
            _end(failure)
        closing_lines.show()
        return result

    harness.HarnessCLI.execute = execute


def _end(error: SsdError) -> NoReturn:
    print(f"ssd-harness: error: {error}", file=sys.stderr)
    raise SystemExit(int(error.exit_code)) from None


def _expected(error: BaseException | None) -> SsdError | None:
    """Return the expected failure that ``error`` is or was raised from."""
    while error is not None and not isinstance(error, SsdError):
        error = error.__cause__
    return error
