"""``ssd-harness sandbox``: build, check, describe and prune the sandbox that programs run in."""

import argparse
import json
import os
import time

from ssd_harness.cli.actions import add_action
from ssd_harness.errors import ExitCode, UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Sandbox
from ssd_harness.judge.judges import Judge
from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.verdicts import Verdict
from ssd_harness.sandbox import interface
from ssd_harness.sandbox.interface import Limits

_RIGHT = "print(sum(map(int, input().split())))"
_WRONG = "print(0)"
# Tries to exhaust processes, to kill or stop every other process, and to report "passed" to its parent.
_HOSTILE = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b"passed" * 10)
    except OSError:
        pass
for victim in (os.getppid(), 1, -1):
    try:
        os.kill(victim, signal.SIGSTOP if victim == -1 else signal.SIGKILL)
    except OSError:
        pass
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
_TESTS = ProblemTests("self-check", (b"1 2\n", b"10 20 30\n"), ("3", "60"), public=1)
_LIMITS = Limits(cpu_s=1.0, wall_s=5.0)
_PLAN = (
    ("a correct program", _RIGHT, {Verdict.AC}),
    ("a wrong program", _WRONG, {Verdict.WA}),
    ("a hostile program", _HOSTILE, set(Verdict) - {Verdict.AC, Verdict.IE}),
    ("a correct program again", _RIGHT, {Verdict.AC}),
)

_EXAMPLES = """examples:
  ssd-harness sandbox build
  ssd-harness sandbox check
  ssd-harness sandbox check --sandbox process
  ssd-harness sandbox prune"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the four actions."""
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    summaries = {
        "build": "build the image (docker) or the root file system (process) of this version",
        "check": "judge a correct, a wrong and a hostile program in the sandbox",
        "prune": "remove unused containers, images and root file systems of ssd-harness",
        "info": "print the sandbox entry of results as JSON",
    }
    examples = {
        "build": ("ssd-harness sandbox build", "ssd-harness sandbox build --sandbox process"),
        "check": ("ssd-harness sandbox check", "ssd-harness sandbox check --runtime runsc"),
        "prune": ("ssd-harness sandbox prune", "ssd-harness sandbox prune --all"),
        "info": ("ssd-harness sandbox info", "ssd-harness sandbox info --sandbox process"),
    }
    for name, summary in summaries.items():
        action = add_action(actions, name, summary, *examples[name])
        action.add_argument(
            "--sandbox",
            metavar="NAME",
            default=os.environ.get("SSD_HARNESS_SANDBOX") or "docker",
            help="docker, process, or a plugin's sandbox (default: $SSD_HARNESS_SANDBOX, else docker)",
        )
        if name in {"check", "info"}:
            action.add_argument(
                "--runtime", metavar="NAME", help="Docker runtime, such as runsc (default: $SSD_HARNESS_RUNTIME)"
            )
        if name == "build":
            action.add_argument("--fresh", action="store_true", help="build from scratch, without cached layers")
        if name == "prune":
            action.add_argument("--all", action="store_true", help="also remove what this version uses")


def run(arguments: argparse.Namespace) -> int:
    """Run the action."""
    if getattr(arguments, "runtime", None):
        os.environ["SSD_HARNESS_RUNTIME"] = arguments.runtime
    sandbox = plugin_manager.lookup(Sandbox, arguments.sandbox).factory()
    if arguments.action == "build":
        return _build(sandbox, fresh=arguments.fresh)
    if arguments.action == "prune":
        return _prune(sandbox, everything=arguments.all)
    sandbox.check()
    if arguments.action == "info":
        print(json.dumps(sandbox.describe(), indent=2))
        return ExitCode.DONE
    return _check(sandbox)


def _build(sandbox: interface.Sandbox, *, fresh: bool) -> int:
    if not isinstance(sandbox, interface.BuildsImage):
        raise UsageError(f"the sandbox {sandbox.name!r} has nothing to build")
    began = time.monotonic()
    print(f"built {sandbox.build(fresh=fresh)} in {time.monotonic() - began:.0f} s")
    return ExitCode.DONE


def _prune(sandbox: interface.Sandbox, *, everything: bool) -> int:
    if not isinstance(sandbox, interface.BuildsImage):
        raise UsageError(f"the sandbox {sandbox.name!r} has nothing to prune")
    removed = sandbox.prune(everything=everything)
    print("\n".join(f"removed {name}" for name in removed) or "nothing to remove")
    return ExitCode.DONE


def _check(sandbox: interface.Sandbox) -> int:
    description = sandbox.describe()
    print(f"sandbox {description['sandbox']}: {description['isolation']}; image {description['fingerprint']}")
    failures = 0
    with sandbox:
        for judge in Judge:
            programs = [Program(_TESTS.question_id, number, code) for number, (_, code, _) in enumerate(_PLAN)]
            verdicts = judge_programs(
                programs, lambda _: _TESTS, judge=judge, sandbox=sandbox, workers=1, limits=_LIMITS
            )
            for (name, _, expected), verdict in zip(_PLAN, verdicts, strict=True):
                right = verdict.verdict in expected
                failures += not right
                print(
                    f"  {'ok  ' if right else 'FAIL'} {judge:5}  {name:24} {verdict.verdict:3} "
                    f"{verdict.cpu_s:6.3f} s CPU  {verdict.message[:60]}".rstrip()
                )
    print(
        "all verdicts are correct"
        if not failures
        else f"{failures} of {len(_PLAN) * len(Judge)} verdicts are wrong: do not use this sandbox"
    )
    return ExitCode.INFRASTRUCTURE if failures else ExitCode.DONE
