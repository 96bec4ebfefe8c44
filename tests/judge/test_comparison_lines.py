from decimal import Decimal, InvalidOperation
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ssd_harness.judge.comparison import compare_lines


def same(printed, expected):
    return compare_lines(printed.encode("utf-8", "surrogateescape"), expected) == ""


def reference(printed, expected):
    """The rule in its plainest form."""

    def lines(text):
        return [line.strip() for line in text.strip().split("\n")]

    def numbers(line):
        try:
            return [Decimal(token) for token in line.split()]
        except InvalidOperation:
            return None

    def equal(one, other):
        if one == other:
            return True
        first, second = numbers(one), numbers(other)
        return first is not None and second is not None and first == second

    got, wanted = lines(printed), lines(expected)
    return len(got) == len(wanted) and all(map(equal, got, wanted))


tokens = st.sampled_from(
    ["1", "1.0", "1e0", "01", "10", "1_0", "nan", "inf", "Infinity", "-0", "0", "a", "A", "é", "1,"]
)
texts = st.lists(st.lists(tokens, max_size=3).map(" ".join), max_size=4).map("\n".join)
padding = st.sampled_from(["", " ", "\n", "\t\n ", "\r\n", "\x0c", "\x1d"])


@settings(max_examples=500)
@given(texts, texts, padding)
@example("1e3 1_0", "1000 10", "")
@example("\n\n1\n\n", "1", "")
@example("a\n\nb", "a\nb", "")
@example("", "", "")
@example("", "1", "")
def test_agrees_with_the_plain_rule(printed, expected, pad):
    assert same(pad + printed + pad, expected) == reference(pad + printed + pad, expected)


@given(texts)
def test_everything_equals_itself(text):
    assert same(text, text)


@given(st.binary(max_size=100), st.text(max_size=20))
def test_no_bytes_raise(data, expected):
    assert isinstance(compare_lines(data, expected), str)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("a" + "\n" * 16_000_000 + "a", "1\n2"),
        ("1 " * 8_000_000, "1 2"),
        ("1 " * 8_000_000, "1"),
        ("9" * 16_000_000, "9"),
        ("1e999999999", "1"),
        ("1e-999999999999999999", "0"),
        ("1" + "0" * 90_000, "1e90001"),
        ("sNaN", "nan"),
    ],
    ids=range(8),
)
def test_hostile_output_is_cheap(printed, expected):
    data = printed.encode()
    start = process_time()
    assert compare_lines(data, expected)
    assert process_time() - start < 1.0


def test_the_difference_is_said_on_one_printable_line():
    message = compare_lines(b"ok\n\x1b[31mred\r\n", "ok\nblue")
    assert message.startswith("line 2: printed")
    assert "blue" in message
    assert message.isprintable()


def test_a_different_number_of_lines_is_said_so():
    assert compare_lines(b"1\n2\n", "1") == "2 lines printed, 1 line expected"
    assert compare_lines(b"", "1") == "line 1: printed '', expected '1'"
