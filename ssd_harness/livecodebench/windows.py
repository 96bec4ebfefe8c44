"""Windows: ranges of contest months. A release, in contrast, is a version of the data set."""

import re
from dataclasses import dataclass

from ssd_harness.errors import UsageError

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
_RELEASE = re.compile(r"(release_)?v\d+")


@dataclass(frozen=True, slots=True)
class Window:
    """A range of contest months, both inclusive; None is unbounded."""

    name: str
    first: str | None = None
    last: str | None = None

    def holds(self, date: str) -> bool:
        """Whether a contest date (ISO, at least ``YYYY-MM``) is inside."""
        month = date[:7]
        return (self.first is None or self.first <= month) and (self.last is None or month <= self.last)

    def meets(self, first: str, last: str) -> bool:
        """Whether any month from ``first`` to ``last`` is inside."""
        return (self.first is None or self.first <= last) and (self.last is None or first <= self.last)

    @property
    def months(self) -> str:
        """Return the range in words."""
        return "all months" if self.first is None else f"{self.first}..{self.last}"


ALL = Window("all")
NAMED = {
    "v6": Window("v6", "2025-02", "2025-05"),  # the self-distillation paper's "LCB v6", and Qwen3's
    "v5": Window("v5", "2024-08", "2025-02"),  # the same paper's "LCB v5"
    "all": ALL,
}


def parse_window(text: str) -> Window:
    """Parse ``v6``, ``v5``, ``all`` or ``YYYY-MM..YYYY-MM``."""
    if text in NAMED:
        return NAMED[text]
    first, separator, last = text.partition("..")
    if separator and _MONTH.fullmatch(first) and _MONTH.fullmatch(last):
        if first > last:
            raise UsageError(f"the window {text!r} ends before it starts", next_step=f"write {last}..{first}")
        return Window(text, first, last)
    hint = "write YYYY-MM..YYYY-MM, v6, v5 or all"
    if _RELEASE.fullmatch(text):
        hint = f"{hint}; for a whole release, use --release {text.removeprefix('release_')} --window all"
    raise UsageError(f"unknown window {text!r}", next_step=hint)
