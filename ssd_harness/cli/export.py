"""``ssd-harness export``: export samples for another trainer."""

import argparse
import sys
from pathlib import Path

from ssd_harness.errors import ExitCode

_EXAMPLES = """examples:
  ssd-harness distill MODEL --until samples     (prints the name of the run)
  ssd-harness export RUN --out samples.jsonl
  ssd-harness export RUN --format ids --out samples.jsonl
  ssd-harness export ssd:NAME --format sharegpt --drop-truncated --out samples.jsonl

To register what the other trainer made, run `ssd-harness import FOLDER --name NAME --samples RUN`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the format and the file."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "run_name",
        metavar="RUN",
        help="the name that `distill MODEL --until samples` printed, ssd:NAME of a checkpoint, or a run's folder",
    )
    parser.add_argument(
        "--format",
        default="chat",
        metavar="NAME",
        help="chat (Megatron, TRL, Axolotl), sharegpt or alpaca (LLaMA-Factory), ids (token ids and labels), or a "
        "plugin's (default: chat)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl", help="file to write")
    parser.add_argument(
        "--unfiltered", action="store_true", help="export all samples, not only those that the filter kept"
    )
    parser.add_argument(
        "--drop-truncated", action="store_true", help="leave out samples that were cut at the maximum length"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the file, and print notes on how to use it."""
    from ssd_harness.distill.exporting import export, find_run

    rows, notes = export(
        find_run(arguments.run_name),
        arguments.format,
        arguments.out,
        unfiltered=arguments.unfiltered,
        drop_truncated=arguments.drop_truncated,
    )
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"wrote {rows:,} samples to {arguments.out} and their origin to {arguments.out.with_suffix('.about.json')}")
    return ExitCode.DONE
