"""A filter with an argument."""

from ssd_harness import Candidate, Recipe, SampleFilter, UsageError, keep_if

DEFAULT_LINES = 40


def max_lines(argument: str, _recipe: Recipe) -> SampleFilter:
    """Keep samples of at most ``argument`` lines (default: 40)."""
    if argument and not (argument.isascii() and argument.isdecimal() and int(argument) > 0):
        raise UsageError(
            f"filter=max-lines: expected a positive integer, got {argument!r}", next_step="write filter=max-lines:40"
        )
    limit = int(argument or DEFAULT_LINES)

    def is_short(candidate: Candidate) -> bool:
        return len(candidate.sample.text.strip().splitlines()) <= limit

    return keep_if(is_short, otherwise=f"more than {limit} lines")
