"""``ssd-harness gate``: compare a run with a baseline and fail if it is worse."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ssd_harness.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from ssd_harness.results.gate import Rule
    from ssd_harness.results.policy import Policy

_EXAMPLES = """examples:
  ssd-harness gate OUT --baseline baseline.json
  ssd-harness gate OUT@NAME --baseline OUT@base --max-drop 0.01 --junit gate.xml
  ssd-harness gate OUT --min pass@1=0.40
  ssd-harness gate OUT --baseline baseline.json --policy policy.yaml --on-inconclusive fail

The difference is paired by problem, with a bootstrap interval over problems.
PASS          the whole interval is within the allowed drop
WARN          a pass, but the whole interval is below zero: a real drop, within what is allowed
REGRESSION    the whole interval is beyond the allowed drop: exit code 1
INCONCLUSIVE  the interval contains the allowed drop: exit code 0, or 4 with --on-inconclusive fail
A minimum is a regression if the whole interval of the run is below it. With several rules, the
worst verdict counts, in the order REGRESSION, INCONCLUSIVE, WARN, PASS.

A policy file has `alpha`, `on_inconclusive` and `rules`; a rule has `metric`, `difficulty`,
`max_drop`, `minimum` and `only_warn`:
  rules:
    - {metric: pass@1, max_drop: 0.02}
    - {metric: pass@1, difficulty: hard, max_drop: 0.05, only_warn: true}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, its baseline, the rules and the outputs."""
    parser.epilog = _EXAMPLES
    parser.add_argument("run_path", metavar="RUN", help="file or folder of the run, or FOLDER@WORD as for compare")
    parser.add_argument(
        "--baseline", metavar="FILE|RUN", help="a file from `ssd-harness baseline`, or another run, as for RUN"
    )
    parser.add_argument(
        "--max-drop", type=float, metavar="X", help="largest allowed drop of pass@1; 0.02 is two points (default 0.02)"
    )
    parser.add_argument(
        "--min",
        action="append",
        default=[],
        metavar="pass@K=X",
        help="lowest allowed value, such as pass@1=0.40; repeatable",
    )
    parser.add_argument(
        "--alpha",
        type=float,
        metavar="A",
        help="one-sided error rate of each rule; the intervals have level 1 - 2A (default 0.05)",
    )
    parser.add_argument("--policy", type=Path, metavar="FILE", help="rules in YAML, in place of --max-drop and --min")
    parser.add_argument(
        "--on-inconclusive",
        choices=("pass", "fail"),
        help="pass: an inconclusive gate ends with 0; fail: with 4 (default pass)",
    )
    parser.add_argument(
        "--allow-different-conditions",
        action="store_true",
        help="compare runs that differ in window, data, judge, tests, sandbox, prompt or number of samples, over the "
        "problems that both have",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write JUnit XML, one test case for each rule")
    parser.add_argument(
        "--github",
        action="store_true",
        help="also print workflow annotations and write the job summary (default if GITHUB_ACTIONS is true)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the checks and return the exit code of the verdict."""
    from ssd_harness.results import gate_report
    from ssd_harness.results.baseline import common_problems, read_run, require_same_conditions
    from ssd_harness.results.gate import GateVerdict, apply_rules

    policy = _policy(arguments)
    rules = _rules(arguments, policy)
    alpha = arguments.alpha if arguments.alpha is not None else policy.alpha
    inconclusive_fails = (arguments.on_inconclusive or policy.on_inconclusive) == "fail"
    if arguments.baseline is None and any(rule.minimum is None for rule in rules):
        raise UsageError(
            "a rule allows a drop, but there is no baseline to drop from",
            next_step="add --baseline FILE, or set only minimums: --min pass@1=0.40",
        )
    gated = read_run(arguments.run_path)
    baseline = read_run(arguments.baseline) if arguments.baseline is not None else None
    if baseline and arguments.allow_different_conditions:
        gated, baseline = common_problems(gated, baseline)
    elif baseline:
        require_same_conditions(gated, baseline)
    result = apply_rules(gated.outcomes, baseline.outcomes if baseline else None, rules, alpha=alpha)
    if arguments.json:
        print(gate_report.as_json(result, gated, baseline))
    else:
        print(gate_report.as_text(result, gated, baseline))
    if arguments.junit:
        gate_report.write_junit(result, gated, arguments.junit, inconclusive_fails=inconclusive_fails)
    if arguments.github or os.environ.get("GITHUB_ACTIONS") == "true":
        gate_report.tell_github(result, gated, baseline, stream=sys.stderr if arguments.json else sys.stdout)
    if result.verdict is GateVerdict.REGRESSION:
        return ExitCode.REGRESSION
    if result.verdict is GateVerdict.INCONCLUSIVE and inconclusive_fails:
        return ExitCode.INCONCLUSIVE
    return ExitCode.DONE


def _policy(arguments: argparse.Namespace) -> "Policy":
    from ssd_harness.results.policy import Policy, read_policy

    if arguments.policy is None:
        return Policy()
    if arguments.max_drop is not None or arguments.min:
        raise UsageError(
            "--policy and --max-drop or --min are given together", next_step="write the rules into the policy file"
        )
    return read_policy(arguments.policy)


def _rules(arguments: argparse.Namespace, policy: "Policy") -> "Sequence[Rule]":
    from ssd_harness.results.gate import Rule
    from ssd_harness.results.policy import parse_minimum

    if arguments.max_drop is not None and not 0 <= arguments.max_drop <= 1:
        raise UsageError(
            f"expected a proportion from 0 to 1 for --max-drop, got {arguments.max_drop:g}",
            next_step="write --max-drop 0.02 for two points",
        )
    if not arguments.min and arguments.max_drop is None:
        return policy.as_rules()
    minimums = [Rule(k, max_drop=None, minimum=value) for k, value in map(parse_minimum, arguments.min)]
    if arguments.baseline is None and arguments.max_drop is None:
        return minimums
    return [Rule(max_drop=0.02 if arguments.max_drop is None else arguments.max_drop), *minimums]
