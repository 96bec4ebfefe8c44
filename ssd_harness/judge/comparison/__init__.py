"""Whether an output is the expected one, one checker a module; each returns "" for yes, else the difference."""

from collections.abc import Callable

from ssd_harness.judge.comparison.lines import compare_lines
from ssd_harness.judge.comparison.values import compare_exact_values, compare_values

Checker = Callable[[bytes, str], str]
"""``checker(output, expected) -> difference``; raises ValueError if ``expected`` itself is broken."""

__all__ = ["Checker", "compare_exact_values", "compare_lines", "compare_values"]
