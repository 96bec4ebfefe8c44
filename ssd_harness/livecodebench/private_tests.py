"""Decode the data set's private tests: JSON, or base64 of zlib of a pickled JSON string.

The pickle is never unpickled. It is one text, so five kinds of instruction are all it may hold, and a reader for those
is shorter than taming :mod:`pickle`.
"""

import base64
import binascii
import pickletools
import struct
import zlib
from typing import Any

from ssd_harness.foreign_json import JsonError, parse

MAX_DECOMPRESSED = 512 << 20
"""Bytes of one problem's tests; the largest that are published have 92 MB encoded."""
MAX_WIDE = 128 << 20
"""The same for text beyond ASCII, whose characters take four bytes each in memory; published tests are ASCII."""
MAX_VALUES = 100_000
"""Values in one problem's tests, three or so a test; published problems have tens of tests."""
_DEEPEST = 8

# opcode → struct format of the length that goes before its text
_TEXT = {b"X": "<I", b"\x8c": "<B", b"\x8d": "<Q"}
# opcode → bytes of argument to step over: protocol number, frame size, slot of the memo
_IGNORED = {b"\x80": 1, b"\x95": 8, b"\x94": 0, b"q": 1, b"r": 4}
_STOP = b"."


class MalformedTestsError(ValueError):
    """The tests cannot be decoded; the message says at which layer, the caller knows for which problem."""


def decode_tests(text: str) -> list[dict[str, Any]]:
    """Return the tests in a ``public_test_cases`` or ``private_test_cases`` field.

    Each is a dict with the strings ``input`` and ``output``, and ``testtype``. Memory stays within a small multiple of
    the decompressed text. Raises :class:`MalformedTestsError`.
    """
    if not text.lstrip().startswith("["):
        text = _unpickled_text(_decompressed(_decoded(text)))
    try:
        tests = parse(text, most=MAX_VALUES, deepest=_DEEPEST)
    except JsonError as error:
        raise MalformedTestsError(str(error)) from error
    if not isinstance(tests, list):
        raise MalformedTestsError("not a JSON list")
    for test in tests:
        if not isinstance(test, dict) or not all(isinstance(test.get(key), str) for key in ("input", "output")):
            raise MalformedTestsError("a test without the texts 'input' and 'output'")
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
        raise MalformedTestsError("base64, but not of zlib") from error
    if stream.unconsumed_tail:
        raise MalformedTestsError(f"more than {MAX_DECOMPRESSED >> 20} MiB when decompressed")
    if not stream.eof:
        raise MalformedTestsError("the zlib stream is cut short")
    return result


def _unpickled_text(data: bytes) -> str:
    """Return the one string that a pickle holds, executing nothing."""
    view, position = memoryview(data), 0
    found: memoryview | None = None
    try:
        while True:
            opcode = bytes(view[position : position + 1])
            position += 1
            if opcode in _TEXT:
                (size,) = struct.unpack_from(_TEXT[opcode], view, position)
                position += struct.calcsize(_TEXT[opcode])
                if found is not None or size > len(view) - position:
                    raise MalformedTestsError("the pickle does more than hold one text, or is cut short")
                found = view[position : position + size]
                position += size
            elif opcode in _IGNORED:
                position += _IGNORED[opcode]
            elif opcode == _STOP and found is not None:
                return _text(found)
            else:
                raise MalformedTestsError(f"the pickle does more than hold one text ({_name(opcode)})")
    except (struct.error, UnicodeDecodeError) as error:
        raise MalformedTestsError("the pickle is cut short or not UTF-8") from error


def _text(data: memoryview) -> str:
    if len(data) > MAX_WIDE and not str(data, "latin-1").isascii():
        raise MalformedTestsError(f"more than {MAX_WIDE >> 20} MiB of text beyond ASCII")
    return str(data, "utf-8", "surrogatepass")


def _name(opcode: bytes) -> str:
    known = {operation.code: operation.name for operation in pickletools.opcodes}
    return known.get(opcode.decode("latin-1")) or ("no pickle instruction" if opcode else "it ends early")
