"""Detect problems whose samples are all the same text: no pass@k above pass@1 can be computed from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ssd_harness.judge.pass_at_k import KS

_NEARLY_ALL = 0.95


@dataclass(frozen=True, slots=True)
class EqualSamples:
    """Count the problems with several samples, and those of them whose samples are all the same text."""

    problems: int = 0
    equal: int = 0
    most: int = 0
    """The largest number of samples of a problem."""

    @classmethod
    def count(cls, problems: Iterable[Sequence[str]]) -> "EqualSamples":
        """Count over the texts of each problem's samples."""
        several = [texts for texts in problems if len(texts) > 1]
        return cls(len(several), sum(len(set(texts)) == 1 for texts in several), max(map(len, several), default=0))

    def __add__(self, other: "EqualSamples") -> "EqualSamples":
        """Add the counts of two processes."""
        return EqualSamples(self.problems + other.problems, self.equal + other.equal, max(self.most, other.most))

    def reason(self, cause: str) -> str | None:
        """Return why pass@k is left out for k > 1, or None if the samples differ. ``cause`` is why they are equal."""
        if not self.problems or self.equal < _NEARLY_ALL * self.problems:
            return None
        missing = [f"pass@{k}" for k in KS if 1 < k <= self.most]
        which = f"{' and '.join(missing)} left out: " if missing else ""
        return (
            f"{which}all samples of a problem are the same text ({self.equal} of {self.problems} problems), which "
            f"counts as one sample; {cause}"
        )


UNKNOWN_CAUSE = "the model or its server may ignore the seed, or decode greedily"


def cause_of(decoding: Mapping[str, Any], *, own_model: bool) -> str | None:
    """Return why all samples may be equal, judging by the decoding, or None if only chance can make them equal.

    Our own models draw independent samples, unless they decode greedily.
    """
    if decoding.get("do_sample") is False or decoding.get("temperature") == 0:
        return "they were decoded greedily (temperature 0)"
    if decoding.get("top_k") == 1:
        return "they were decoded greedily (top_k 1)"
    return None if own_model else UNKNOWN_CAUSE
