"""``ssd-harness compare``: two or more finished runs side by side."""

import argparse
import json
from dataclasses import asdict

from ssd_harness import schema
from ssd_harness.errors import ExitCode, UsageError
from ssd_harness.registry import VERIFIED
from ssd_harness.results.comparison import Outcomes, compare, render
from ssd_harness.results.outcomes import read_outcomes
from ssd_harness.results.run_files import allows_overlap, variant_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the runs and the output form."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="NAME=PATH",
        help="an lm-eval samples_*.jsonl, a verdicts.jsonl, or a folder with one of them; of several in a folder, "
        "PATH@WORD is the one whose run id, checkpoint, fingerprint, task or file name fits, PATH@base the base "
        "model's; the first is the baseline",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison."""
    runs: list[tuple[str, Outcomes]] = []
    overlapping, chosen = [], []
    for word in arguments.runs:
        name, separator, path = word.partition("=")
        if not separator:
            name = path = word
        if any(name == other for other, _ in runs):
            raise UsageError(f"two runs are called {name!r}", next_step="write NAME=PATH with different names")
        runs.append((name, read_outcomes(path)))
        if allows_overlap(path):
            overlapping.append(name)
        if variant_of(path) == VERIFIED:
            chosen.append(name)
    rows = compare(runs)
    if arguments.json:
        overlap = {name: {"allow_overlap": True} for name in overlapping}
        variant = {name: {"variant": VERIFIED} for name in chosen}
        about = [{**asdict(row), **overlap.get(row.name, {}), **variant.get(row.name, {})} for row in rows]
        print(json.dumps({schema.KEY: schema.COMPARISON, "runs": about}, indent=2))
    else:
        notes = [f"{name}: made with allow_overlap=true" for name in overlapping]
        notes += [f"{name}: {VERIFIED}, not plain SSD" for name in chosen]
        print("\n".join([render(rows), *notes]))
    return ExitCode.DONE
