"""Decode a program's result, which hostile code wrote: bounded in time, memory and depth, and without exceptions."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any, Final

MAX_DEPTH: Final = 620
"""Nesting depth in brackets; tags count too, up to three brackets per level."""
MAX_DIGITS: Final = 50_000
"""Digits of a number, as in the official scorer."""
MAX_EXPONENT: Final = 400
"""Decimal exponent of an exact number, of either sign: beyond every float."""
_MAX_FLOAT_TEXT: Final = 1_000
_MAX_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class TupleValue:
    """A tuple; only the outermost one counts as a list."""

    items: list[Any]


@dataclass(frozen=True, slots=True)
class MappingValue:
    """A dict; the order of its items does not matter."""

    pairs: list[Any]


@dataclass(frozen=True, slots=True)
class SingleElement:
    """An array of one element, with any number of dimensions."""

    element: Any


@dataclass(frozen=True, slots=True)
class NarrowFloat:
    """A floating point number of 16 or 32 bits; ``code`` as in :mod:`struct`."""

    code: str
    number: float


@dataclass(frozen=True, slots=True)
class LongFloat:
    """A floating point number with more bits in its significand than a Python float has."""

    bits: int
    number: Fraction


@dataclass(frozen=True, slots=True)
class ExactNumber:
    """A Decimal or a Fraction."""

    number: Fraction


@dataclass(frozen=True, slots=True)
class TypedNumber:
    """A number that equals only JSON numbers of one type, as sympy's numbers do."""

    type: type
    number: Any


@dataclass(frozen=True, slots=True)
class LongInt:
    """An int of more digits than ``int()`` accepts, as canonical text."""

    digits: str


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """A value that equals nothing, described in words."""

    what: str


_MAX_SIGNIFICAND = 128
_OF_NUMBERS = bytes(ord("0") if byte in b"-+.0123456789eE" else ord(" ") for byte in range(256))
_LONG_RUN = b"0" * 1000
_LONG_NUMBER = re.compile(rb"(?<![0-9])[0-9]{1000}|(?<![-+.0-9eE])[-+.0-9eE]{1200}")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z|\\\Z)', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _STEPS)
_DECIMAL = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]{1,6}))?")


def decode(data: bytes, *, widen: bool = False) -> Any:
    """Return the value that the tagged JSON ``data`` describes; an :class:`Opaque` if it cannot be read.

    With ``widen``, a narrow or long float of numpy becomes a number of exactly its value.

    The caller bounds ``len(data)``; time and memory are linear in it.
    """
    if _depth(data) > MAX_DEPTH:
        return Opaque("a result nested too deeply")
    try:
        return _load(data.decode("ascii"), data, object_pairs_hook=_tagged_widened if widen else _tagged)
    except (ValueError, RecursionError):
        return Opaque("a result that cannot be read")


def parse_expected(text: str) -> Any:
    """Return an expected JSON value, with long numbers as in :func:`decode`; raise ValueError if it is not JSON."""
    try:
        return _load(text, text.encode("utf-8", "surrogatepass"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _load(text: str, data: bytes, **options: Any) -> Any:
    """Parse JSON; only texts with long numbers need the slower Python conversion of numbers."""
    if _LONG_RUN in data.translate(_OF_NUMBERS) and _LONG_NUMBER.search(data):  # the first is much faster
        options.update(parse_int=_int, parse_float=_float)
    return json.loads(text, **options)


def _depth(data: bytes) -> int:
    """Return the nesting depth of the brackets outside of strings."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return 0
    brackets = _STRING.sub(b"", data).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _int(text: str) -> Any:
    if len(text) <= _MAX_FLOAT_TEXT:
        return int(text)
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text)
    digits = digits.lstrip("0")
    return LongInt(sign + digits) if len(digits) <= MAX_DIGITS else Opaque("an int of too many digits")


def _float(text: str) -> Any:
    return float(text) if len(text) <= _MAX_FLOAT_TEXT else Opaque("a float of too many digits")


def _tagged(pairs: list[tuple[str, Any]]) -> Any:
    """Convert a tag to its value; a malformed one equals nothing."""
    if len(pairs) != 1:
        return Opaque("a malformed result")
    tag, body = pairs[0]
    reader = _READERS.get(tag)
    value = reader(body) if reader else None
    return Opaque("a malformed result") if value is None else value


def _tagged_widened(pairs: list[tuple[str, Any]]) -> Any:
    value = _tagged(pairs)
    return value.number if isinstance(value, NarrowFloat | LongFloat) else value


def _read_typed_int(body: Any) -> TypedNumber | None:
    return TypedNumber(int, body) if isinstance(body, int | LongInt) else None


def _read_typed_float(body: Any) -> TypedNumber | Opaque | None:
    number = _read_fraction(body)
    return TypedNumber(float, number.number) if isinstance(number, ExactNumber) else number


def _read_mapping(body: Any) -> MappingValue | None:
    if isinstance(body, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in body):
        return MappingValue(body)
    return None


def _read_float(body: Any) -> NarrowFloat | LongFloat | None:
    match body:
        case ["e" | "f" as code, float(number)]:
            return NarrowFloat(code, number)
        case ["g", int(numerator), int(denominator), int(bits)] if denominator > 0 and 0 < bits <= _MAX_SIGNIFICAND:
            return LongFloat(bits, Fraction(numerator, denominator))
    return None


def _read_fraction(body: Any) -> ExactNumber | Opaque | None:
    match body:
        case [int(numerator), int(denominator)] if denominator > 0:
            return ExactNumber(Fraction(numerator, denominator))
        case [int() | LongInt(), int() | LongInt()]:
            return Opaque("a Fraction of too many digits")
    return None


def _read_decimal(body: Any) -> ExactNumber | Opaque | float | None:
    if not isinstance(body, str) or len(body) > MAX_DIGITS:
        return None
    if body in ("Infinity", "-Infinity"):
        return float(body)
    match = _DECIMAL.fullmatch(body)
    if match is None:  # a NaN equals nothing
        return Opaque(f"Decimal {body[:_MAX_NAME]}")
    sign, whole, fraction, exponent = match.groups(default="")
    digits, shift = whole + fraction, int(exponent or 0) - len(fraction)
    if not digits or len(digits) > _MAX_FLOAT_TEXT or abs(shift) > MAX_EXPONENT:
        return Opaque("a Decimal out of bounds")
    number = Fraction(int(digits)) * Fraction(10) ** shift
    return ExactNumber(-number if sign else number)


def _read_complex(body: Any) -> Any:
    match body:
        case [float(real), float(imaginary)]:
            return real if imaginary == 0 else Opaque("a complex number")
    return None


_READERS: dict[str, Callable[[Any], Any]] = {
    "t": lambda body: TupleValue(body) if isinstance(body, list) else None,
    "d": _read_mapping,
    "a": SingleElement,
    "n": _read_float,
    "D": _read_decimal,
    "F": _read_fraction,
    "i": _read_typed_int,
    "f": _read_typed_float,
    "c": _read_complex,
    "o": lambda body: Opaque(f"a value of type {body[:_MAX_NAME]}") if isinstance(body, str) else None,
    "x": lambda body: Opaque("a result over the bounds") if isinstance(body, str) else None,
}
