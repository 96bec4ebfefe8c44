"""``ssd-harness eval``: run lm_eval with the models and tasks of ssd-harness, with or without the start-up hook."""

import argparse
from collections.abc import Sequence

EXAMPLES = """examples:
  ssd-harness eval --model ssd-hf --model_args pretrained=MODEL --tasks livecodebench_v6 --output_path OUT --log_samples
  ssd-harness eval --model ssd-hf --model_args pretrained=demo,rounds=0 --tasks livecodebench_mini --limit 4
  ssd-harness eval ls tasks"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare that lm_eval gets everything after ``eval``."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="arguments of lm_eval; see `ssd-harness eval run --help`"
    )


def run(arguments: argparse.Namespace) -> int:
    """Pass the arguments to lm_eval."""
    return evaluate(arguments.arguments)


def evaluate(words: Sequence[str]) -> int:
    """Run lm_eval in this process with the command-line arguments ``words``."""
    from ssd_harness.harness import lm_eval_command

    try:
        lm_eval_command.run(words)
    finally:
        if not words or {"-h", "--help"} & set(words):  # lm_eval has printed its help and now exits
            print(f"\n{EXAMPLES}")
    return 0
