"""Encode any result as tagged JSON, so that the host can decide equality without running the program's code.

Values with a JSON form of their own stay as they are: None, bool, int, float, str, list. Everything else becomes an
object with one key:

======  ===========================  ==================================================
``t``   ``[item, …]``                tuple
``d``   ``[[key, value], …]``        dict and every other mapping
``a``   ``item``                     array of exactly one element (others equal nothing)
``n``   ``["e" | "f", float]``       floating point number of 16 or 32 bits
``n``   ``["g", int, int, int]``     numpy's long float as a fraction, with the bits of its significand
``D``   ``"1.50"``                   Decimal
``F``   ``[int, int]``               Fraction; the exact value of an mpmath float
``i``   ``int``                      sympy int, which equals no float
``f``   ``[int, int]``               sympy float, which equals no int, as a fraction
``c``   ``[float, float]``           complex number
``o``   ``"type name"``              anything that equals no JSON value: set, deque, generator, bytes, object …
``x``   ``"why"``                    over a bound: too deep or too long for any expected value
======  ===========================  ==================================================

An int over the digits limit is a ValueError, as in the official scorer. An instance of a subclass is encoded as the
built-in value that it holds.
"""

import json
import sys
from collections import UserList, UserString
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

MAX_DEPTH = 200
MAX_INT_BITS = 166_100
"""An int of more bits has over 50,000 digits, the limit of expected values."""
_SAFE_INT_BITS = 2_000
"""Up to this size ``str`` ignores the digits limit, whatever a program sets it to."""
_MAX_NAME = 80
_MAX_DECIMAL = 60_000
_MAX_EXPONENT_BITS = 2_000

_SCALARS = frozenset({type(None), bool, float, str})
_dump = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


def encode(value: object) -> bytes:
    """Return the tagged JSON of ``value`` as ASCII."""
    tree = _tree(value, 0)
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)  # the program may have lowered it; MAX_INT_BITS is our bound
    try:
        return _dump(tree).encode("ascii")
    finally:
        sys.set_int_max_str_digits(limit)


def _tree(value: Any, depth: int) -> Any:
    """Convert ``value`` to a tree that the plain JSON encoder writes as tagged JSON."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is int:
        if value.bit_length() > MAX_INT_BITS:
            raise ValueError("Exceeds the limit (50000 digits) for integer string conversion")
        return value
    if depth >= MAX_DEPTH:
        return {"x": "depth"}
    if kind is list:
        return _items(value, depth)
    return _tagged(value, depth)


def _items(items: list[Any], depth: int) -> list[Any]:
    kinds = set(map(type, items))
    if kinds <= _SCALARS or (kinds == {int} and _all_short(items)):
        return items
    return [_tree(item, depth + 1) for item in items]


def _all_short(numbers: list[int]) -> bool:
    bound = 1 << _SAFE_INT_BITS
    return -bound < min(numbers) and max(numbers) < bound


def _tagged(value: Any, depth: int) -> Any:  # noqa: PLR0911 - one return per type
    if isinstance(value, int):
        return _tree(int.__int__(value), depth)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list):
        return _items(list.__getitem__(value, slice(None)), depth)
    if isinstance(value, tuple):
        return {"t": _items(list(tuple.__iter__(value)), depth)}
    if isinstance(value, dict):
        return {"d": _pairs(dict.items(value), depth)}
    if isinstance(value, complex):
        return {"c": [value.real, value.imag]}
    if isinstance(value, Decimal):
        text = Decimal.__str__(value)
        return {"D": text} if len(text) <= _MAX_DECIMAL else {"x": "Decimal"}
    if isinstance(value, Fraction):
        return {"F": [_tree(value.numerator, depth), _tree(value.denominator, depth)]}
    return _rare(value, depth)


def _rare(value: Any, depth: int) -> Any:  # noqa: PLR0911 - one return per type
    """Convert a value that is not built in but may equal a JSON value: wrappers, mappings, numpy."""
    number = _number(value, depth)
    if number is not None:
        return number
    if isinstance(value, UserList | UserString):
        return _tree(value.data, depth + 1)
    if isinstance(value, Mapping):
        return {"d": _pairs(value.items(), depth)}
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.float16 | numpy.float32):
            return {"n": ["e" if isinstance(value, numpy.float16) else "f", float(value)]}
        if isinstance(value, numpy.longdouble):
            if not numpy.isfinite(value):
                return float(value)
            bits = int(numpy.finfo(numpy.longdouble).nmant) + 1
            return {"n": ["g", *map(int, value.as_integer_ratio()), bits]}
        if isinstance(value, numpy.bool_ | numpy.integer):
            return value.item()
        if isinstance(value, numpy.ndarray) and value.size == 1:
            # item() would widen a narrow float.
            return {"a": _tree(value.reshape(-1)[0], depth + 1)}
    return {"o": str(type(value).__name__)[:_MAX_NAME]}


def _number(value: Any, depth: int) -> Any:
    """Convert a number of sympy or mpmath; return None for anything else."""
    sympy, mpmath = sys.modules.get("sympy"), sys.modules.get("mpmath")
    if sympy is not None and isinstance(value, sympy.Basic):
        if value is sympy.true or value is sympy.false:
            return bool(value)
        if isinstance(value, sympy.Integer):
            return {"i": _tree(int(value.p), depth)}
        if isinstance(value, sympy.Float):
            number = _of_mpf(value._mpf_, depth)
            return {"f": number["F"]} if isinstance(number, dict) and "F" in number else number
    if mpmath is not None and isinstance(value, mpmath.mpf):
        return _of_mpf(value._mpf_, depth)
    return None


def _of_mpf(parts: Any, depth: int) -> Any:
    """Convert mpmath's (sign, mantissa, exponent, bits); infinities and NaN have an exponent but no mantissa."""
    sign, mantissa, exponent, bits = parts
    mantissa, exponent = int(mantissa), int(exponent)
    if not mantissa and exponent:
        return {-2: float("inf"), -3: float("-inf")}.get(bits, float("nan"))
    if abs(exponent) > _MAX_EXPONENT_BITS:
        return {"x": "mpf"}
    numerator = -mantissa if sign else mantissa
    return _fraction(numerator << exponent, 1, depth) if exponent >= 0 else _fraction(numerator, 1 << -exponent, depth)


def _fraction(numerator: int, denominator: int, depth: int) -> Any:
    return {"F": [_tree(numerator, depth), _tree(denominator, depth)]}


def _pairs(items: Iterable[tuple[Any, Any]], depth: int) -> list[list[Any]]:
    return [[_tree(key, depth + 1), _tree(item, depth + 1)] for key, item in items]
