"""Decode the data set's private tests: JSON, or base64 of zlib of a pickled JSON string.

The pickle is never unpickled. It holds a single string, so only five kinds of instruction may occur, and a parser for
those is shorter than a safe configuration of :mod:`pickle`.
"""

import base64
import binascii
import pickletools
import struct
import zlib
from typing import Any

from ssd_harness.foreign_json import JsonError, parse

MAX_DECOMPRESSED = 512 << 20
"""Size of one problem's tests in bytes; the largest published ones have 92 MB encoded."""
MAX_WIDE = 128 << 20
"""The same for non-ASCII text, of which each character takes four bytes in memory; published tests are ASCII."""
MAX_VALUES = 100_000
"""JSON values in one problem's tests, about three per test; published problems have tens of tests."""
_DEEPEST = 8

# opcode → struct format of the length that precedes its text
_TEXT = {b"X": "<I", b"\x8c": "<B", b"\x8d": "<Q"}
# opcode → size of the argument to skip: protocol number, frame size, memo index
_IGNORED = {b"\x80": 1, b"\x95": 8, b"\x94": 0, b"q": 1, b"r": 4}
_STOP = b"."


class MalformedTestsError(ValueError):
    """The tests cannot be decoded; the message names the layer, the caller adds the problem."""


def decode_tests(text: str) -> list[dict[str, Any]]:
    """Return the tests in a ``public_test_cases`` or ``private_test_cases`` field.

    Each is a dict with the strings ``input`` and ``output``, and ``testtype``. Memory use is a small multiple of the
    decompressed text. Raises :class:`MalformedTestsError`.
    """
    if not text.lstrip().startswith("["):
        text = _unpickled_text(_decompressed(_decoded(text)))
    try:
        tests = parse(text, most=MAX_VALUES, deepest=_DEEPEST)
    except JsonError as error:
        raise MalformedTestsError(str(error)) from error
    if not isinstance(tests, list):
        raise MalformedTestsError("expected a JSON list")
    for test in tests:
        if not isinstance(test, dict) or not all(isinstance(test.get(key), str) for key in ("input", "output")):
            raise MalformedTestsError("a test lacks the strings 'input' and 'output'")
    return tests


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedTestsError("neither JSON nor base64") from error


def _decompressed(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        result = stream.decompress(data, MAX_DECOMPRESSED)
    except zlib.error as error:
        raise MalformedTestsError("base64, but not zlib data") from error
    if stream.unconsumed_tail:
        raise MalformedTestsError(f"more than {MAX_DECOMPRESSED >> 20} MiB when decompressed")
    if not stream.eof:
        raise MalformedTestsError("the zlib stream is truncated")
    return result


def _unpickled_text(data: bytes) -> str:
    """Return the single string in a pickle, without executing anything."""
    view, position = memoryview(data), 0
    string: memoryview | None = None
    try:
        while True:
            opcode = bytes(view[position : position + 1])
            position += 1
            if opcode in _TEXT:
                (size,) = struct.unpack_from(_TEXT[opcode], view, position)
                position += struct.calcsize(_TEXT[opcode])
                if string is not None or size > len(view) - position:
                    raise MalformedTestsError("the pickle holds more than one string, or is truncated")
                string = view[position : position + size]
                position += size
            elif opcode in _IGNORED:
                position += _IGNORED[opcode]
            elif opcode == _STOP and string is not None:
                return _text(string)
            else:
                raise MalformedTestsError(f"the pickle holds more than one string ({_name(opcode)})")
    except (struct.error, UnicodeDecodeError) as error:
        raise MalformedTestsError("the pickle is truncated or not UTF-8") from error


def _text(data: memoryview) -> str:
    if len(data) > MAX_WIDE and not str(data, "latin-1").isascii():
        raise MalformedTestsError(f"more than {MAX_WIDE >> 20} MiB of non-ASCII text")
    return str(data, "utf-8", "surrogatepass")


def _name(opcode: bytes) -> str:
    names = {operation.code: operation.name for operation in pickletools.opcodes}
    return names.get(opcode.decode("latin-1")) or ("unknown instruction" if opcode else "it ends early")
