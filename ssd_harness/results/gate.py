"""Decide whether a run is worse than its baseline, one rule at a time.

A rule allows a drop. The gate looks at the one-sided interval of the paired difference over problems:

* the whole interval above ``-max_drop``: PASS (the run is not worse by more than the rule allows);
* the whole interval below ``-max_drop``: REGRESSION;
* otherwise: INCONCLUSIVE, these problems cannot tell.

A PASS whose whole interval lies below zero is a WARN: the drop is real, and small enough for the rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files.outcomes import ProblemOutcome
from ssd_harness.judge.pass_at_k import pass_at_k_values
from ssd_harness.results.significance import minimum_detectable_difference
from ssd_harness.scoring.intervals import Estimate, mean_estimate, paired_difference

Outcomes = Mapping[str, ProblemOutcome]
ALL = "all"
"""The group of all problems, beside the groups by difficulty."""


class GateVerdict(StrEnum):
    """What the gate says of one rule, or of all of them."""

    PASS = "PASS"  # noqa: S105
    WARN = "WARN"
    REGRESSION = "REGRESSION"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one metric of one group of problems must not do."""

    k: int = 1
    """The metric is pass@k."""
    difficulty: str = ALL
    max_drop: float | None = 0.02
    """Largest allowed drop below the baseline, as a proportion; None checks ``minimum`` alone."""
    minimum: float | None = None
    """Lowest allowed value, as a proportion."""
    only_warn: bool = False
    """Report a regression as WARN."""

    @property
    def name(self) -> str:
        """Metric and group in words, as ``pass@1 hard``."""
        return f"pass@{self.k}" if self.difficulty == ALL else f"pass@{self.k} {self.difficulty}"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule applied to one run; every figure is a proportion."""

    rule: Rule
    verdict: GateVerdict
    reason: str
    value: Estimate
    baseline: Estimate | None = None
    difference: Estimate | None = None
    """Run minus baseline, paired by problem, with the interval that decided."""
    detectable_drop: float | None = None
    """The smallest true drop that these problems would show as a regression 8 times in 10."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """All rules applied to one run."""

    checks: tuple[Check, ...]
    alpha: float

    @property
    def verdict(self) -> GateVerdict:
        """Return the gravest verdict."""
        order = (GateVerdict.REGRESSION, GateVerdict.INCONCLUSIVE, GateVerdict.WARN)
        return next((each for each in order if any(check.verdict == each for check in self.checks)), GateVerdict.PASS)


def apply_rules(run: Outcomes, baseline: Outcomes | None, rules: Sequence[Rule], *, alpha: float = 0.05) -> GateResult:
    """Apply ``rules`` to ``run``; ``baseline`` has the same problems, or is None where no rule needs one.

    ``alpha`` is the chance that a run which is worse by exactly ``max_drop`` is called a regression, and the chance
    that it passes. Raises :class:`UsageError` where a rule's problems or samples are missing.
    """
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha must be above 0 and below 0.5, got {alpha:g}", next_step="use --alpha 0.05")
    return GateResult(tuple(_check(rule, run, baseline, alpha) for rule in rules), alpha)


def _check(rule: Rule, run: Outcomes, baseline: Outcomes | None, alpha: float) -> Check:
    questions = [name for name in sorted(run) if rule.difficulty in (ALL, run[name].difficulty)]
    if not questions:
        present = sorted({outcome.difficulty for outcome in run.values()})
        raise UsageError(
            f"the rule for {rule.name} has no problems in this run",
            next_step=f"use one of these groups: {', '.join([ALL, *present])}",
        )
    values = _per_problem(run, questions, rule)
    value = mean_estimate(values, level=1 - 2 * alpha)
    if rule.max_drop is None or baseline is None:
        return _against_minimum(rule, value)
    before = _per_problem(baseline, questions, rule)
    difference = paired_difference(values, before, level=1 - 2 * alpha)
    smallest = minimum_detectable_difference(
        [new - old for new, old in zip(values, before, strict=True)], alpha=alpha, sides=1
    )
    dropped = _against_baseline(rule, difference)
    verdict, reason = max(dropped, _minimum_verdict(rule, value), key=lambda pair: _GRAVITY[pair[0]])
    return Check(
        rule,
        verdict,
        reason,
        value,
        mean_estimate(before, level=1 - 2 * alpha),
        difference,
        None if smallest is None else smallest + rule.max_drop,
    )


_GRAVITY = {
    verdict: index
    for index, verdict in enumerate(
        (GateVerdict.PASS, GateVerdict.WARN, GateVerdict.INCONCLUSIVE, GateVerdict.REGRESSION)
    )
}


def _against_baseline(rule: Rule, difference: Estimate) -> tuple[GateVerdict, str]:
    assert rule.max_drop is not None
    allowed = -rule.max_drop
    change = f"{100 * difference.mean:+.1f} points [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
    if difference.high < allowed:
        return _grave(rule), f"{change}: the drop is more than the allowed {100 * rule.max_drop:g} points"
    if difference.low >= allowed:
        if difference.high < 0:
            return GateVerdict.WARN, f"{change}: a real drop, within the allowed {100 * rule.max_drop:g} points"
        return GateVerdict.PASS, f"{change}: no drop of more than {100 * rule.max_drop:g} points"
    return (
        GateVerdict.INCONCLUSIVE,
        f"{change}: {difference.problems} problems cannot tell a drop of {100 * rule.max_drop:g} points from none",
    )


def _against_minimum(rule: Rule, value: Estimate) -> Check:
    verdict, reason = _minimum_verdict(rule, value)
    return Check(rule, verdict, reason, value)


def _minimum_verdict(rule: Rule, value: Estimate) -> tuple[GateVerdict, str]:
    if rule.minimum is None:
        return GateVerdict.PASS, "no minimum is set"
    shown = f"{100 * value.mean:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"
    least = f"the minimum of {100 * rule.minimum:g}"
    if value.high < rule.minimum:
        return _grave(rule), f"{shown} is below {least}"
    if value.mean < rule.minimum:
        return GateVerdict.INCONCLUSIVE, f"{shown} is below {least}, which the interval includes"
    if value.low < rule.minimum:
        return GateVerdict.WARN, f"{shown} is above {least}, which the interval includes"
    return GateVerdict.PASS, f"{shown} is above {least}"


def _grave(rule: Rule) -> GateVerdict:
    return GateVerdict.WARN if rule.only_warn else GateVerdict.REGRESSION


def _per_problem(outcomes: Outcomes, questions: Sequence[str], rule: Rule) -> list[float]:
    missing = [name for name in questions if name not in outcomes]
    if missing:
        raise UsageError(
            f"the baseline has no samples for {len(missing)} problems of this run, such as {missing[0]!r}",
            next_step="make the baseline from a run of the same task, window and --limit",
        )
    fewest = min(outcomes[name].samples for name in questions)
    if fewest < rule.k:
        raise UsageError(
            f"the rule for {rule.name} needs {rule.k} samples of each problem, some problem has {fewest}",
            next_step=f"use k of at most {fewest}, or evaluate with more samples",
        )
    return pass_at_k_values(((outcomes[name].samples, outcomes[name].passed) for name in questions), rule.k)
