import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.errors import UsageError
from ssd_harness.livecodebench.windows import NAMED, parse_window

months = st.builds("{}-{:02}".format, st.integers(2020, 2029), st.integers(1, 12))


@given(months, months, months, st.integers(1, 31))
def test_months_are_inclusive_on_both_sides(first, last, month, day):
    first, last = sorted([first, last])
    window = parse_window(f"{first}..{last}")
    assert window.holds(f"{month}-{day:02}T00:00:00") == (first <= month <= last)


@given(months, months, months, months)
def test_a_file_meets_the_window_iff_they_share_a_month(a, b, c, d):
    (first, last), (low, high) = sorted([a, b]), sorted([c, d])
    shared = max(first, low) <= min(last, high)
    assert parse_window(f"{first}..{last}").meets(low, high) == shared


def test_the_papers_windows():
    assert (NAMED["v6"].first, NAMED["v6"].last) == ("2025-02", "2025-05")
    assert (NAMED["v5"].first, NAMED["v5"].last) == ("2024-08", "2025-02")
    assert NAMED["all"].holds("1999-01-01")


@pytest.mark.parametrize(
    "text",
    [
        "v7",
        "release_v6",
        "",
        "2024-13..2025-01",
        "2024-1..2025-01",
        "2024-08",
        "2025-02..2024-08",
        "2024-08..",
        "..",
        "V6",
    ],
)
def test_anything_else_is_refused_with_the_choices(text):
    with pytest.raises(UsageError, match=r"YYYY-MM\.\.YYYY-MM|write 2024-08\.\.2025-02"):
        parse_window(text)


def test_a_release_is_not_a_window():
    with pytest.raises(UsageError, match="--release v5 --window all"):
        parse_window("release_v5")
