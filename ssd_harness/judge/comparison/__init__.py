"""Compare outputs with expected outputs, one checker per module; each returns the difference, "" if there is none."""

from collections.abc import Callable

from ssd_harness.judge.comparison.lines import compare_lines
from ssd_harness.judge.comparison.values import compare_exact_values, compare_values

Checker = Callable[[bytes, str], str]
"""``checker(output, expected) -> difference``; raises ValueError if ``expected`` is malformed."""

__all__ = ["Checker", "compare_exact_values", "compare_lines", "compare_values"]
