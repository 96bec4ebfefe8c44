"""``ssd-harness eval``: lm_eval's own command line with our models and tasks, hook or no hook."""

import argparse
import sys
from collections.abc import Sequence

EXAMPLES = """examples:
  ssd-harness eval --model ssd-hf --model_args pretrained=MODEL --tasks livecodebench_v6 --output_path OUT --log_samples
  ssd-harness eval --model ssd-hf --model_args pretrained=demo,rounds=0 --tasks livecodebench_mini --limit 4
  ssd-harness eval ls tasks"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare that everything after ``eval`` belongs to lm_eval."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="lm_eval's own arguments; see `ssd-harness eval run --help`"
    )


def run(arguments: argparse.Namespace) -> int:
    """Hand the arguments on."""
    return evaluate(arguments.arguments)


def evaluate(words: Sequence[str]) -> int:
    """Run lm_eval's command line in this process with ``words`` as its arguments."""
    from ssd_harness.harness import bridge

    bridge.activate()
    from lm_eval.__main__ import cli_evaluate

    sys.argv = ["lm_eval", *words]
    try:
        cli_evaluate()
    finally:
        if not words or {"-h", "--help"} & set(words):  # lm_eval has printed its own help and ends the process
            print(f"\nwith ssd-harness, {EXAMPLES}")
    return 0
