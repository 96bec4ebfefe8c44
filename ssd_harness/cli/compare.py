"""``ssd-harness compare``: two or more finished runs side by side."""

import argparse
import json
from dataclasses import asdict

from ssd_harness import schema
from ssd_harness.errors import ExitCode, UsageError
from ssd_harness.harness.files.outcomes import read_outcomes
from ssd_harness.results.comparison import Outcomes, compare, render
from ssd_harness.results.run_notes import RunNotes, read_notes

_EXAMPLES = """examples:
  ssd-harness compare base=OUT/base ssd=OUT/ssd
  ssd-harness compare OUT@base OUT@NAME
  ssd-harness compare ours=OUT/samples_livecodebench_v6_1.jsonl theirs=SCORED/verdicts.jsonl --json

The first run is the baseline; differences are over the problems that all runs have."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the runs and the output form."""
    parser.epilog = _EXAMPLES
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
    notes: dict[str, RunNotes] = {}
    for word in arguments.runs:
        name, separator, path = word.partition("=")
        if not separator:
            name = path = word
        if name in notes:
            raise UsageError(f"two runs are called {name!r}", next_step="write NAME=PATH with different names")
        runs.append((name, read_outcomes(path)))
        notes[name] = read_notes(path)
    rows = compare(runs, ks=(1,)) if any(one.equal_samples for one in notes.values()) else compare(runs)
    if arguments.json:
        about = [{**asdict(row), **notes[row.name].as_fields()} for row in rows]
        print(json.dumps({schema.KEY: schema.COMPARISON, "runs": about}, indent=2))
    else:
        told = [f"{name}: {line}" for name, one in notes.items() for line in one.lines()]
        print("\n".join([render(rows), *told]))
    return ExitCode.DONE
