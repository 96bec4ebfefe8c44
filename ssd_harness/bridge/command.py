"""End lm-eval's command as ours ends: a failure of ours is one line and an exit code, any other is lm-eval's."""

import functools
import sys
from types import ModuleType
from typing import Any, NoReturn

from ssd_harness import crash_log
from ssd_harness.bridge import rank_end, saving
from ssd_harness.errors import SsdError


def wrap_execute(harness: ModuleType) -> None:
    """Wrap the step of lm-eval's command line that runs a sub-command."""
    original = harness.HarnessCLI.execute

    @functools.wraps(original)
    def execute(self: Any, args: Any) -> Any:
        try:
            result = original(self, args)
        except Exception as error:
            expected = _expected(error)
            if expected is None and crash_log.is_ours(error):
                expected = crash_log.report(error, sys.argv)
            if expected is None:
                raise
            _end(expected)
        rank_end.leave_together()
        # Only now, so that the table has been printed: it may be all that is left of the results.
        if failure := saving.take_failure():
            _end(failure)
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
