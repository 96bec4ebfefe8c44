"""What a program sends may cost the host little: each of these results is as large as one may be, and made to be slow to read."""

import multiprocessing
import resource
import time
from pathlib import Path

import pytest

from ssd_harness.judge.comparison import compare_lines, compare_values

pytestmark = pytest.mark.process

SIZE = 16 << 20
ROOM = 600 << 20
"""Memory that reading one result may take, over what the process has anyway."""
CPU_S = 20
"""Reading takes a few seconds at most; what these guard against takes minutes or for ever."""

LONG = "[" + ",".join(["1"] * 400_000) + "]"
"""An expected value so long that results of several megabytes may equal it."""


def filled(item, size=SIZE):
    """Return a list of ``item`` that is ``size`` bytes long."""
    return b"[" + b",".join([item] * (size // (len(item) + 1) - 1)) + b"]"


def nested(start, end, depth):
    """Return ``depth`` levels around a one."""
    return start * depth + b"1" + end * depth


ITEMS = {
    "digits in text": b'"' + b"9" * 999 + b'"',
    "signs in text": b'"' + b"-e" * 590 + b'"',
    "digits": b"9" * 999,
    "more digits": b"9" * 40_000,
    "exponents": b"1e" + b"9" * 900,
    "decimals": b'{"D":"7E-9999"}',
    "decimal digits": b'{"D":"0.' + b"0" * 900 + b'1"}',
    "fractions": b'{"F":[' + b"7" * 900 + b"," + b"3" * 899 + b"]}",
    "empty lists": b"[]",
    "empty tags": b"{}",
    "opaque": b'{"o":""}',
    "arrays": b'{"a":{"a":{"a":1}}}',
    "narrow": b'{"n":["e",65504.0]}',
    "mappings": b'{"d":[["a",{"d":[["b",1]]}]]}',
    "escapes": b'"\\u0000\\ud800"',
    "quotes": b'"\\"\\\\"',
}
BYTES = {
    "brackets": b"[" * SIZE,
    "tags in tags": nested(b'{"a":', b"}", SIZE // 8),
    "lists in tags": nested(b'{"t":[', b"]}", SIZE // 10),
    "one number": b"-" + b"9" * SIZE,
    "one fraction of a number": b"0." + b"0" * SIZE,
    "one text": b'"' + b"\\u0000" * (SIZE // 6),
    "unended text": b'"' + b"\\" * (SIZE - 1),
    "many keys": b"{" + b",".join([b'"":0'] * (SIZE // 5)) + b"}",
    "no text": bytes(range(256)) * (SIZE // 256),
}
LINES = {
    "lines": b"1\n" * (SIZE // 2),
    "empty lines": b"\n" * SIZE,
    "tokens": b"1 " * (SIZE // 2),
    "one token": b"9" * SIZE,
    "large tokens": (b"9" * 99_999 + b" ") * (SIZE // 100_000),
    "exponents": b"1e-999999999 1e999999999 sNaN " * (SIZE // 32),
    "separators": "\u2028\x1c\x85".encode() * (SIZE // 6),
    "no text": b"\xff\xfe\x00\x80" * (SIZE // 4),
}
CASES = [
    *((f"{name}, {kind}", compare_values, filled(item, size), expected) for name, item in ITEMS.items()
      for kind, size, expected in (("short", SIZE, "[1]"), ("long", 10 << 20, LONG))),
    *((name, compare_values, data, "1") for name, data in BYTES.items()),
    *((f"{name}, few lines", compare_lines, data, "1\n2") for name, data in LINES.items()),
    *((f"{name}, the same count", compare_lines, data, "2 " * data.count(b" ") + "2\n" + "\n" * data.count(b"\n") + "2") for name, data in LINES.items()),
]  # fmt: skip


def read(compare, data, expected, answer):
    """Compare within the memory bound; send the difference and the CPU time."""
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    began = time.process_time()
    difference = compare(data, expected)
    answer.send((difference, time.process_time() - began))


@pytest.mark.parametrize(("compare", "data", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_reading_is_cheap(compare, data, expected):
    here, there = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=read, args=(compare, data, expected, there))
    child.start()
    there.close()
    assert here.poll(120), "reading does not end"
    difference, cpu_s = here.recv()
    child.join()
    assert difference
    assert len(difference) < 1000
    assert cpu_s < CPU_S
