"""Sample filters that look at the text alone."""

from ssd_harness.distill.contracts import SampleFilter
from ssd_harness.recipe import Recipe


def stub(_: Recipe) -> SampleFilter:
    """Drop empty completions and those of a single line, and nothing else: the paper's filter."""
    return lambda sample: "\n" in sample.text.strip()


def none(_: Recipe) -> SampleFilter:
    """Keep everything that has at least one token."""
    return lambda sample: bool(sample.token_ids)
