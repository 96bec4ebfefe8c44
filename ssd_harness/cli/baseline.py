"""``ssd-harness baseline``: keep what a gate needs of a run in one small file."""

import argparse
from pathlib import Path

from ssd_harness.errors import ExitCode

_EXAMPLES = """examples:
  ssd-harness baseline OUT --out baseline.json
  ssd-harness baseline OUT@NAME --out baseline.json

The file states for each problem how many samples passed, and the conditions of the run. It is
small enough to commit. `ssd-harness gate RUN --baseline baseline.json` compares a run with it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run and the file."""
    parser.epilog = _EXAMPLES
    parser.add_argument("run_path", metavar="RUN", help="file or folder of the run, or FOLDER@WORD as for compare")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")


def run(arguments: argparse.Namespace) -> int:
    """Write the baseline, and print its number of problems and samples."""
    from ssd_harness.results.baseline import read_run, write_baseline

    gated = read_run(arguments.run_path)
    write_baseline(gated, arguments.out)
    samples = gated.conditions.samples
    print(f"{len(gated.outcomes):,} problems with {samples} samples each, written to {arguments.out}")
    return ExitCode.DONE
