import base64
import contextlib
import json
import os
import pickle
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.livecodebench import private_tests
from ssd_harness.livecodebench.private_tests import MalformedTestsError, decode_tests

texts = st.text(st.characters(exclude_categories=()), max_size=400)
cases = st.lists(st.fixed_dictionaries({"input": texts, "output": texts, "testtype": st.just("stdin")}))


@given(cases, st.sampled_from([2, 3, 4, 5]))
def test_both_shapes_round_trip(lcb_rows, tests, protocol):
    assert decode_tests(json.dumps(tests)) == tests
    assert decode_tests(lcb_rows.encode(tests, protocol)) == tests


def packed(data):
    return base64.b64encode(zlib.compress(data)).decode()


class Call:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not tests!", "base64"),
        ("", "truncated"),
        (base64.b64encode(b"plain").decode(), "not zlib data"),
        (packed(b""), "ends early"),
        (packed(b"no pickle"), "pickle"),
        (packed(pickle.dumps(Call())), "more than one string"),
        (packed(pickle.dumps(["[]"])), "more than one string"),
        (packed(pickle.dumps(("[]", "[]"))), "pickle"),
        (packed(b"cos\nsystem\n(S'true'\ntR."), "GLOBAL"),
        (packed(b"\x80\x04X\xff\xff\xff\x7fab."), "truncated"),
        (packed(b"\x80\x04X\x02\x00\x00\x00\xff\xfe."), "UTF-8"),
        (packed(pickle.dumps("[1, 2")), "not JSON"),
        (packed(pickle.dumps('{"a": 1}')), "JSON list"),
        ("[{}]", "lacks the strings"),
        ("[1]", "lacks the strings"),
        ('[{"input": 1, "output": "1"}]', "lacks the strings"),
        ("[" * 100_000, "nested deeper"),
        (packed(pickle.dumps("[" + "[],[]," * 10_000_000 + "[]]")), "more than 100,000 values"),
        (packed(pickle.dumps('[{"input": "", "output": "", "x": [' + "0," * 1_000_000 + "0]}]")), "more than 100,000"),
    ],
)
def test_anything_else_is_one_error(text, reason):
    with pytest.raises(MalformedTestsError, match=reason):
        decode_tests(text)


def test_a_cut_stream_is_an_error(lcb_rows):
    whole = base64.b64decode(lcb_rows.encode([{"input": "x" * 5000, "output": "y"}]))
    with pytest.raises(MalformedTestsError, match="truncated"):
        decode_tests(base64.b64encode(whole[:-8]).decode())


def test_tests_that_explode_are_refused_in_little_memory():
    """84 KiB of encoded tests that are 64 MiB of brackets, and would be 1.6 GB of lists."""
    text = packed(pickle.dumps("[" + "[]," * (21 << 20) + "[]]"))
    assert len(text) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(MalformedTestsError, match="more than 100,000 values"):
            decode_tests(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20  # the text, twice, and what unpacking takes


def test_wide_text_is_bounded_by_what_it_takes_in_memory(monkeypatch):
    monkeypatch.setattr(private_tests, "MAX_WIDE", 1 << 10)
    plain, wide = ([{"input": letter * 2_000, "output": ""}] for letter in "a\u00e9")
    assert decode_tests(packed(pickle.dumps(json.dumps(plain, ensure_ascii=False)))) == plain
    with pytest.raises(MalformedTestsError, match="non-ASCII"):
        decode_tests(packed(pickle.dumps(json.dumps(wide, ensure_ascii=False))))


def test_a_decompression_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(private_tests, "MAX_DECOMPRESSED", 1 << 16)
    with pytest.raises(MalformedTestsError, match="when decompressed"):
        decode_tests(packed(b"\0" * (1 << 20)))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data):
    for text in (packed(data), base64.b64encode(data).decode(), data.decode("latin-1")):
        with contextlib.suppress(MalformedTestsError):
            decode_tests(text)
