"""Read JSON from untrusted sources: memory is bounded before any value is built, and every fault is a JsonError."""

import errno
import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""A JSON value."""
MOST_VALUES = 1_000_000
"""Values in one text; as empty lists they take about 60 MB."""
DEEPEST = 100
"""Nesting levels: recursive code may traverse and write the value again."""
LONGEST = 256 << 20
"""Size in bytes of a file that is read as one value."""
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1, ",": 0}
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)


class JsonError(ValueError):
    """The text is not JSON or exceeds a bound; the message says which, the caller adds where."""


def parse(data: bytes | str, *, most: int = MOST_VALUES, deepest: int = DEEPEST, text_only: bool = False) -> Any:
    """Return the value in ``data``, UTF-8 with or without a byte order mark; raises :class:`JsonError`.

    With ``text_only``, a string with half a surrogate pair is an error: it could not be written as UTF-8 again.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsonError("not UTF-8 text") from error
    require_bounded(text, most, deepest)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"not JSON: {error.msg.removesuffix(' at')}") from error
    except RecursionError as error:  # if the caller itself is deep in a stack
        raise JsonError("nested too deeply") from error
    except ValueError as error:  # only left: an integer with more digits than Python converts
        raise JsonError("a number with too many digits") from error
    if text_only and "\\u" in text and not is_text(json.dumps(value, ensure_ascii=False)):
        raise JsonError("a string with half a surrogate pair")
    return value


def read(path: Path, *, most: int = MOST_VALUES, longest: int = LONGEST, text_only: bool = False) -> Any:
    """Return the value in a file. Raises :class:`JsonError`, and OSError, also if it is not a regular file."""
    return parse(read_bytes(path, longest=longest), most=most, text_only=text_only)


def read_bytes(path: Path, *, longest: int = LONGEST) -> bytes:
    """Return the content of a regular file; a pipe or a device, which may never end, is an OSError."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
        data = stream.read(longest + 1)
    if len(data) > longest:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fspath(path))
    return data


def is_text(value: Any) -> bool:
    """Whether ``value`` is a string that can be written as UTF-8: JSON may contain half a surrogate pair."""
    if not isinstance(value, str):
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def require_bounded(text: str, most: int, deepest: int) -> None:
    """Raise :class:`JsonError` if there are too many values or levels, which are counted before any is built.

    A kilobyte of brackets would become a hundred kilobytes of objects.
    """
    brackets = text.count("[") + text.count("{")
    if brackets <= deepest and brackets + text.count(",") < most:
        return  # within the bounds even if those inside of strings are counted
    values, depth = 1, 0
    for token in _TOKEN.finditer(text):
        step = _STEPS.get(text[token.start()])
        if step is None:  # a string
            continue
        values += step >= 0
        depth += step
        if values > most:
            raise JsonError(f"more than {most:,} values")
        if depth > deepest:
            raise JsonError(f"nested deeper than {deepest} levels")
