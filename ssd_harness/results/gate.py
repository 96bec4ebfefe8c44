"""Decide whether a run is worse than its baseline, one rule at a time.

A rule sets ``max_drop``, the largest drop that it allows. The gate compares it with the interval of the paired
difference (run minus baseline) over problems, at level ``1 - 2 * alpha``:

* the whole interval is above ``-max_drop``: PASS, or WARN if the whole interval is below zero, because then the drop is
  real but within what the rule allows;
* the whole interval is below ``-max_drop``: REGRESSION;
* otherwise: INCONCLUSIVE, because these problems do not decide it.
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
"""Name of the group of all problems; the other groups are the difficulties."""


class GateVerdict(StrEnum):
    """The verdict on one rule, or on all rules of a run."""

    PASS = "PASS"  # noqa: S105
    WARN = "WARN"
    REGRESSION = "REGRESSION"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Rule:
    """Bounds on one metric of one group of problems."""

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
        """Metric and group in words, such as ``pass@1 hard``."""
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
    """Run minus baseline, paired by problem, with the interval that decides the verdict."""
    detectable_drop: float | None = None
    """The smallest true drop that these problems and samples show as a regression 8 times in 10."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """All rules applied to one run."""

    checks: tuple[Check, ...]
    alpha: float

    @property
    def verdict(self) -> GateVerdict:
        """The most serious verdict of all checks."""
        verdicts = {check.verdict for check in self.checks}
        by_severity = (GateVerdict.REGRESSION, GateVerdict.INCONCLUSIVE, GateVerdict.WARN)
        return next((verdict for verdict in by_severity if verdict in verdicts), GateVerdict.PASS)


def apply_rules(run: Outcomes, baseline: Outcomes | None, rules: Sequence[Rule], *, alpha: float = 0.05) -> GateResult:
    """Apply ``rules`` to ``run``; ``baseline`` has the same problems, or is None if no rule needs one.

    A run that is worse by exactly ``max_drop`` is a regression with the probability ``alpha``, and passes with the same
    probability. Raises :class:`UsageError` if problems or samples that a rule needs are missing.
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
    baseline_values = _per_problem(baseline, questions, rule)
    difference = paired_difference(values, baseline_values, level=1 - 2 * alpha)
    detectable = minimum_detectable_difference(
        [new - old for new, old in zip(values, baseline_values, strict=True)], alpha=alpha, sides=1
    )
    verdict, reason = max(
        _drop_verdict(rule, difference), _minimum_verdict(rule, value), key=lambda pair: _SEVERITY[pair[0]]
    )
    return Check(
        rule,
        verdict,
        reason,
        value,
        mean_estimate(baseline_values, level=1 - 2 * alpha),
        difference,
        # A drop must exceed max_drop by the detectable difference to show as a regression.
        None if detectable is None else detectable + rule.max_drop,
    )


_SEVERITY = {
    verdict: index
    for index, verdict in enumerate(
        (GateVerdict.PASS, GateVerdict.WARN, GateVerdict.INCONCLUSIVE, GateVerdict.REGRESSION)
    )
}


def _drop_verdict(rule: Rule, difference: Estimate) -> tuple[GateVerdict, str]:
    assert rule.max_drop is not None
    allowed = -rule.max_drop
    change = f"{100 * difference.mean:+.1f} points [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
    if difference.high < allowed:
        return _regression(rule), f"{change}: the drop is more than the allowed {100 * rule.max_drop:g} points"
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
    bound = f"the minimum of {100 * rule.minimum:g}"
    if value.high < rule.minimum:
        return _regression(rule), f"{shown} is below {bound}"
    if value.mean < rule.minimum:
        return GateVerdict.INCONCLUSIVE, f"{shown} is below {bound}, which the interval includes"
    if value.low < rule.minimum:
        return GateVerdict.WARN, f"{shown} is above {bound}, which the interval includes"
    return GateVerdict.PASS, f"{shown} is above {bound}"


def _regression(rule: Rule) -> GateVerdict:
    """Return REGRESSION, or WARN for a rule with ``only_warn``."""
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
