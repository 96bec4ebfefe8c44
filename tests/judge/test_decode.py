import json
import math
import sys
import tracemalloc
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from time import process_time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ssd_harness.judge.comparison import compare_values
from ssd_harness.judge.decode import MAX_DEPTH, MAX_DIGITS, LongInt, Opaque, decode, parse_expected
from ssd_harness.sandbox.worker.runners import encode as worker

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=4), children, max_size=4),
    max_leaves=20,
)
python_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 0.5, math.inf])
    | st.sampled_from(["", "a", "1"])
    | st.sampled_from([Decimal(1), Decimal("0.5"), Decimal("NaN"), Fraction(1, 2), Fraction(2), complex(1, 0), 1j])
    | st.sampled_from([b"a", frozenset({1}), range(2), np.int8(1), np.float64(0.5), np.bool_(False), np.str_("a")]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.tuples(children)
        | st.lists(children, max_size=2).map(deque)
        | st.lists(children, max_size=2).map(UserList)
        | st.dictionaries(st.sampled_from(["a", "b", 1]), children, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b"]), children, max_size=2).map(UserDict)
    ),
    max_leaves=6,
)
small_json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 0.5, "", "a", "1"]),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), children, max_size=2)
    ),
    max_leaves=6,
)


def equal(value, expected):
    return compare_values(worker.encode(value), json.dumps(expected)) == ""


def python_equal(value, expected):
    """What the official scorer does, in words of Python."""
    if isinstance(value, tuple):
        value = list(value)
    try:
        return bool(value == expected)
    except Exception:  # noqa: BLE001 - an ambiguous array, a signalling NaN …: not equal, whatever it is
        return False


@given(json_values)
def test_a_json_value_equals_itself(value):
    assert equal(value, value)


@settings(max_examples=500)
@given(python_values, small_json)
@example(True, 1)
@example((1, 2), [1, 2])
@example([(1,)], [[1]])
@example(UserList([1]), [1])
@example([complex(1, 0)], [1])
@example([np.array([5])], [[5]])
@example(np.array([[5]]), 5)
@example(np.array([1, 2]), [1, 2])
@example([np.float32(0.1), np.float16(0.1)], [0.1, 0.1])
@example([Decimal("1.10"), Fraction(11, 10)], [1.1, 1.1])
@example(deque([1]), [1])
@example({"a": np.int64(2)}, {"a": 2})
@example(OrderedDict(b=1, a=2), {"a": 2, "b": 1})
@example(defaultdict(int, a=1), {"a": 1})
@example(Counter("aab"), {"a": 2, "b": 1})
def test_equality_is_pythons(value, expected):
    assert equal(value, expected) == python_equal(value, expected)


def test_subclasses_count_as_what_they_hold_whatever_they_say():
    class Liar(int):
        def __eq__(self, other):
            return True

        def __int__(self):
            return 5

        __index__ = __int__
        __hash__ = int.__hash__

    class Color(IntEnum):
        RED = 3

    assert not equal(Liar(4), 5)
    assert equal([Color.RED], [3])


def test_narrow_infinity_equals_no_finite_number():
    assert not equal(np.float16("inf"), 700001)
    assert not equal(np.float32("inf"), 10**400)


@given(st.integers(-(1 << 90), 1 << 90), st.integers(-1, 1))
@example((1 << 70) + (1 << 6), 0)
@example((3 << 70) + (1 << 7), 0)
@example(10**900, 1)
def test_long_floats_equal_what_numpy_says(number, away):
    value = np.longdouble(number)
    assert equal(value, number + away) is bool(value == number + away)
    assert equal(value / 3, float(value / 3)) is bool(value / 3 == float(value / 3))


@settings(max_examples=400)
@given(st.binary(max_size=200))
@example(b"")
@example(b'{"n":["g",1,0,64]}')
@example(b'{"n":["g",1,1,999999999999]}')
@example(b'{"n":["e",Infinity]}')
@example(b'{"F":[1,0]}')
@example(b'{"D":"1e30000000"}')
@example(b'{"d":[[[1],2]]}')
@example(b'{"t":1}')
@example(b'{"a":{"a":{"a":1}}}')
@example(b"[" * 100_000)
@example(b'{"t":' * 100_000)
@example(b"9" * 100_000)
@example(b"1." + b"9" * 100_000)
@example(b"\xff")
def test_no_bytes_raise(data):
    decode(data)
    assert isinstance(compare_values(data, "[1]"), str)


tags = st.sampled_from(["t", "d", "a", "n", "D", "F", "c", "o", "x", "?"])
tagged = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1e5", "Infinity", "NaN", "sNaN", "1E+400"]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(tags, children, max_size=2),
    max_leaves=15,
)


@settings(max_examples=500)
@given(tagged, small_json)
def test_forged_tags_never_raise(value, expected):
    assert isinstance(compare_values(json.dumps(value).encode(), json.dumps(expected)), str)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 8_000_000,
        b'"' + b'\\"' * 4_000_000,
        b'["' + b"9" * 999 + b'",' * 1,
        b"[" + b'"' + b"9" * 999 + b'",' * 4_000,
        b'["' + b"[" * 8_000_000 + b'"]',
        b"[" + b'{"D":"7E-399"},' * 500_000 + b"1]",
        b"[" + b'{"F":[' + b"7" * 900 + b"," + b"3" * 900 + b"]}," * 1,
        b"[" + (b'{"F":[' + b"7" * 900 + b"," + b"3" * 900 + b"]},") * 8_000 + b"1]",
        b"[" + b"[]," * 5_000_000 + b"[]]",
        b"[" + b"{}," * 5_000_000 + b"{}]",
        b"1" * 16_000_000,
        b"[" + b"1e5," * 4_000_000 + b"1]",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_large_hostile_results_are_cheap(data):
    tracemalloc.start()
    start = process_time()
    try:
        assert compare_values(data, "[1, 2]")
        assert process_time() - start < 1.0
        assert tracemalloc.get_traced_memory()[1] < 64 << 20  # the traced peak, in bytes
    finally:
        tracemalloc.stop()


def test_depth_is_counted_outside_of_strings():
    brackets = "[{" * MAX_DEPTH
    assert decode(json.dumps([brackets]).encode()) == [brackets]
    assert decode(json.dumps(['\\"[' * MAX_DEPTH]).encode()) == ['\\"[' * MAX_DEPTH]
    assert isinstance(decode(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)), Opaque)


def test_the_deepest_value_written_can_be_read_and_compared():
    value = expected = 0
    for _ in range(worker.MAX_DEPTH):
        value, expected = {"k": value}, {"k": expected}
    assert equal(value, expected)
    assert not equal([value], [expected])


def test_long_ints_compare_as_text():
    digits = "7" * 20_000
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        data = worker.encode([int(digits), -int(digits)])
    finally:
        sys.set_int_max_str_digits(limit)
    assert compare_values(data, f"[{digits}, -{digits}]") == ""
    assert compare_values(data, f"[{digits}, -{digits[:-1]}6]")
    assert parse_expected(digits) == LongInt(digits)


def test_too_many_digits_equal_nothing():
    digits = "7" * (MAX_DIGITS + 1)
    assert compare_values(digits.encode(), digits)


def test_an_int_over_the_digits_limit_is_not_written():
    with pytest.raises(ValueError, match="50000 digits"):
        worker.encode([10**60_000])


def test_a_program_that_lowers_the_digits_limit_changes_nothing():
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert worker.encode([10**2000, 1]) == b"[1" + b"0" * 2000 + b",1]"
        assert sys.get_int_max_str_digits() == 640
    finally:
        sys.set_int_max_str_digits(limit)


def test_expected_that_is_no_json_is_our_fault():
    with pytest.raises(ValueError):
        compare_values(b"1", "not json")


def test_reading_a_long_list_costs_little_more_than_parsing_it():
    text = json.dumps(["abcdefgh" * 12] * 5_000)
    data = text.encode()

    def cost(call):
        start = process_time()
        call()
        return process_time() - start

    parsing = min(cost(lambda: json.loads(text)) for _ in range(5))
    assert min(cost(lambda: compare_values(data, text)) for _ in range(5)) < 25 * parsing  # it was 100 times
