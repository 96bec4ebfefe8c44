"""Compare a returned value with the expected JSON value as Python's ``==`` would, without running a program's code."""

import math
import struct
from typing import Any

from ssd_harness.judge.decode import (
    ExactNumber,
    LongFloat,
    LongInt,
    MappingValue,
    NarrowFloat,
    Opaque,
    SingleElement,
    TupleValue,
    TypedNumber,
    decode,
    parse_expected,
)
from ssd_harness.printable import excerpt

_BASE, _RATIO = 1 << 16, 16
"""No equal value is encoded much longer than this; decoding longer ones would let a program keep us busy."""


def compare_exact_values(output: bytes, expected: str) -> str:
    """Compare as :func:`compare_values` does, but take a narrow float of numpy by its exact value."""
    return compare_values(output, expected, widen=True)


def compare_values(output: bytes, expected: str, *, widen: bool = False) -> str:
    """Return "" if the tagged JSON ``output`` equals the JSON value ``expected``, else the difference in words.

    The outermost tuple counts as a list, a nested one does not; ``True == 1``, ``2.0 == 2``, NaN equals nothing, and
    there is no tolerance. With ``widen``, a narrow float of numpy has its exact value, and the expected number is not
    rounded to its width. Raises ValueError if ``expected`` is not JSON.
    """
    if len(output) > _BASE + _RATIO * len(expected):
        return f"returned far more than expected: {len(output)} bytes"
    returned, expected_value = decode(output, widen=widen), parse_expected(expected)
    if isinstance(returned, TupleValue):
        returned = returned.items
    # Without an object there is no tag, so C code can compare the lists.
    if equal(returned, expected_value) if b"{" in output else returned == expected_value:
        return ""
    shown = returned.what if isinstance(returned, Opaque) else excerpt(output.decode("utf-8", "replace"))
    return f"returned {shown}, expected {excerpt(expected)}"


def equal(returned: Any, expected: Any) -> bool:
    """Whether the decoded value ``returned`` equals the JSON value ``expected``."""
    match returned:
        case list():
            same = isinstance(expected, list) and len(returned) == len(expected) and all(map(equal, returned, expected))
        case MappingValue(pairs):
            same = isinstance(expected, dict) and _equal_mapping(pairs, expected)
        case SingleElement(element):
            # numpy broadcasts one element to any nesting of single-item lists.
            while isinstance(expected, list) and len(expected) == 1:
                expected = expected[0]
            same = not isinstance(expected, list) and equal(element, expected)
        case NarrowFloat(code, number):
            same = isinstance(expected, int | float) and math.isfinite(number) and _narrow(code, expected) == number
        case LongFloat(bits, number):
            rounded = _rounded(expected, bits) if isinstance(expected, int) else expected
            same = isinstance(expected, int | float) and number == rounded
        case ExactNumber(number):
            same = isinstance(expected, int | float) and number == expected
        case TypedNumber(kind, number):
            typed = isinstance(expected, float) if kind is float else isinstance(expected, int | LongInt)
            same = typed and number == expected
        case TupleValue() | Opaque():
            same = False
        case _:
            same = bool(returned == expected)
    return same


def _equal_mapping(pairs: list[Any], expected: dict[str, Any]) -> bool:
    if len(pairs) != len(expected):
        return False
    seen = set()
    for key, value in pairs:
        if not isinstance(key, str) or key in seen or key not in expected or not equal(value, expected[key]):
            return False
        seen.add(key)
    return True


def _narrow(code: str, number: float) -> float:
    """Round a Python number to a narrow width, as numpy does before a comparison."""
    try:
        return struct.unpack(code, struct.pack(code, float(number)))[0]
    except (OverflowError, struct.error):  # out of range
        return math.inf if number > 0 else -math.inf


def _rounded(number: int, bits: int) -> int:
    """Round an int to a significand of ``bits``, half to even, as numpy does before comparing it with a long float."""
    shift = number.bit_length() - bits
    if shift <= 0:
        return number
    half, magnitude = 1 << (shift - 1), abs(number)
    rounded = (magnitude + half) >> shift << shift
    if magnitude & ((1 << shift) - 1) == half:
        rounded &= ~(1 << shift)
    return rounded if number > 0 else -rounded
