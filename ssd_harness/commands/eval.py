"""``ssd-harness eval``: lm_eval's own command line with our models and tasks, hook or no hook."""

import argparse
import sys
from collections.abc import Sequence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare that everything after ``eval`` belongs to lm_eval."""
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="lm_eval's own arguments; see `ssd-harness eval run --help`"
    )


def run(arguments: argparse.Namespace) -> int:
    """Hand the arguments on."""
    return evaluate(arguments.arguments)


def evaluate(words: Sequence[str]) -> int:
    """Run lm_eval's command line in this process with ``words`` as its arguments."""
    from ssd_harness import bridge

    bridge.activate()
    from lm_eval.__main__ import cli_evaluate

    sys.argv = ["lm_eval", *words]
    cli_evaluate()
    return 0
