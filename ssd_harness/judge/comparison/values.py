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
    got, wanted = decode(output, widen=widen), parse_expected(expected)
    if isinstance(got, TupleValue):
        got = got.items
    # Without an object there is no tag, so C code can compare the lists.
    if equal(got, wanted) if b"{" in output else got == wanted:
        return ""
    shown = got.what if isinstance(got, Opaque) else excerpt(output.decode("utf-8", "replace"))
    return f"returned {shown}, expected {excerpt(expected)}"


def equal(got: Any, wanted: Any) -> bool:
    """Whether the decoded value ``got`` equals the JSON value ``wanted``."""
    match got:
        case list():
            same = isinstance(wanted, list) and len(got) == len(wanted) and all(map(equal, got, wanted))
        case MappingValue(pairs):
            same = isinstance(wanted, dict) and _equal_mapping(pairs, wanted)
        case SingleElement(element):
            # numpy broadcasts one element to any nesting of single-item lists.
            while isinstance(wanted, list) and len(wanted) == 1:
                wanted = wanted[0]
            same = not isinstance(wanted, list) and equal(element, wanted)
        case NarrowFloat(code, number):
            same = isinstance(wanted, int | float) and math.isfinite(number) and _narrow(code, wanted) == number
        case LongFloat(bits, number):
            rounded = _rounded(wanted, bits) if isinstance(wanted, int) else wanted
            same = isinstance(wanted, int | float) and number == rounded
        case ExactNumber(number):
            same = isinstance(wanted, int | float) and number == wanted
        case TypedNumber(kind, number):
            typed = isinstance(wanted, float) if kind is float else isinstance(wanted, int | LongInt)
            same = typed and number == wanted
        case TupleValue() | Opaque():
            same = False
        case _:
            same = bool(got == wanted)
    return same


def _equal_mapping(pairs: list[Any], wanted: dict[str, Any]) -> bool:
    if len(pairs) != len(wanted):
        return False
    seen = set()
    for key, value in pairs:
        if not isinstance(key, str) or key in seen or key not in wanted or not equal(value, wanted[key]):
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
