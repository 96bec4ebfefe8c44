"""Notice where lm-eval could not write its results: it says so in a warning and ends as if all were well."""

import contextlib
import functools
import logging
from collections.abc import Iterator
from typing import Any

from ssd_harness.errors import InfrastructureError

_SAID = "Could not save"
_METHODS = ("save_results_aggregated", "save_results_samples")

_failures: list[InfrastructureError] = []


def watch(tracker: Any) -> None:
    """Listen while lm-eval's ``EvaluationTracker`` writes this evaluation's files; None is no tracker."""
    for name in _METHODS:
        method = getattr(tracker, name, None)
        if method is not None:
            setattr(tracker, name, _listening(method, getattr(tracker, "output_path", None)))


def take_failure() -> InfrastructureError | None:
    """Return the first failure since the last call, if there was one."""
    failure = _failures[0] if _failures else None
    _failures.clear()
    return failure


def _listening(method: Any, path: Any) -> Any:
    @functools.wraps(method)
    def save(*positional: Any, **named: Any) -> Any:
        with _heard(logging.getLogger(method.__module__)) as lines:
            result = method(*positional, **named)
        for number, line in enumerate(lines):
            if line.startswith(_SAID):
                # The next line is the reason, as lm-eval logs it.
                reason = lines[number + 1] if number + 1 < len(lines) else "no reason given"
                _failures.append(
                    InfrastructureError(
                        f"lm_eval could not write its results: {reason}",
                        where=path,
                        next_step="free space or choose another --output_path and run the same command again "
                        "(verdicts, and the samples of an ssd model, are kept)",
                    )
                )
        return result

    return save


@contextlib.contextmanager
def _heard(logger: logging.Logger) -> Iterator[list[str]]:
    """Collect what is logged inside the block, also where the user wants to see less of it."""
    lines: list[str] = []
    level, propagate = logger.level, logger.propagate
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
        logger.propagate = False
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
