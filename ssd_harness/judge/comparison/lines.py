"""Compare printed output as the official scorer does: line by line, numbers as exact decimals, no tolerance."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from ssd_harness.printable import excerpt

_MAX_NUMBER = 1_000_000
"""Longer tokens are not numbers; they are compared as text only."""
_TOKEN = re.compile(r"\S+")


def compare_lines(output: bytes, expected: str) -> str:
    """Return "" if ``output`` matches ``expected``, else the first difference in words.

    Both are stripped, split at newlines, and each line is stripped. They match if they have equally many lines and each
    pair of lines is equal as text, or consists of decimal numbers that are equal token by token: ``1e3`` is ``1000``,
    ``1_0`` is ``10``, ``1.0`` is not ``1.00001``.
    """
    printed, expected = output.decode("utf-8", "surrogateescape").strip(), expected.strip()
    if printed == expected:
        return ""
    if printed.count("\n") != expected.count("\n"):
        return f"{_count(printed)} printed, {_count(expected)} expected"
    for number, (line, other) in enumerate(zip(_lines(printed), _lines(expected), strict=True), start=1):
        if line != other and not _same_numbers(line, other):
            return f"line {number}: printed {excerpt(line)}, expected {excerpt(other)}"
    return ""


def _count(text: str) -> str:
    lines = text.count("\n") + 1
    return f"{lines} line{'s' if lines > 1 else ''}"


def _lines(text: str) -> Iterator[str]:
    """Yield the stripped lines one by one: with a list of millions of them a program could fill our memory."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end].strip()
        start = end + 1
    yield text[start:].strip()


def _same_numbers(line: str, other: str) -> bool:
    tokens, others = _TOKEN.finditer(line), _TOKEN.finditer(other)
    for token in tokens:
        counterpart = next(others, None)
        if counterpart is None or not _same_number(token.group(), counterpart.group()):
            return False
    return next(others, None) is None


def _same_number(token: str, other: str) -> bool:
    if len(token) > _MAX_NUMBER or len(other) > _MAX_NUMBER:
        return False
    try:
        return Decimal(token) == Decimal(other)
    except InvalidOperation:  # not a number, or a signaling NaN, which cannot be compared
        return False
