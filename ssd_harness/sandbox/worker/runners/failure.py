"""Describe a program's exception in one bounded line, whatever the exception's own methods do."""

from types import TracebackType

PROGRAM = "<program>"
"""The file name with which programs are compiled."""

_MESSAGE_LIMIT = 300


def status_of(error: BaseException) -> str:
    """Return the test status for an exception that escaped."""
    return "memory" if isinstance(error, MemoryError) else "exception"


def describe(error: BaseException) -> str:
    """Return ``Type: text (line n)``; the text may be hostile and is cut."""
    try:
        name = type(error).__name__
        line = _program_line(error.__traceback__)
        text = str(error)[:_MESSAGE_LIMIT]
    except BaseException:
        return "an exception that cannot be shown"
    message = f"{name}: {text}" if text else name
    return f"{message} (line {line})" if line else message


def _program_line(traceback: TracebackType | None) -> int | None:
    line = None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == PROGRAM:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
