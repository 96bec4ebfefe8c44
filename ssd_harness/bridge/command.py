"""End lm-eval's command as ours ends: an expected failure is one line and an exit code."""

import functools
import sys
from types import ModuleType
from typing import Any

from ssd_harness.errors import SsdError


def wrap_execute(harness: ModuleType) -> None:
    """Wrap the step of lm-eval's command line that runs a sub-command."""
    original = harness.HarnessCLI.execute

    @functools.wraps(original)
    def execute(self: Any, args: Any) -> Any:
        try:
            return original(self, args)
        except Exception as error:
            expected = _expected(error)
            if expected is None:
                raise
            print(f"ssd-harness: error: {expected}", file=sys.stderr)
            raise SystemExit(int(expected.exit_code)) from None

    harness.HarnessCLI.execute = execute


def _expected(error: BaseException | None) -> SsdError | None:
    """Return the expected failure that ``error`` is or was raised from."""
    while error is not None and not isinstance(error, SsdError):
        error = error.__cause__
    return error
