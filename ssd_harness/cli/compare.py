"""``ssd-harness compare``: show two or more finished runs side by side."""

import argparse
import json

from ssd_harness.errors import ExitCode, UsageError

_EXAMPLES = """examples:
  ssd-harness compare base=OUT/base ssd=OUT/ssd
  ssd-harness compare OUT@base OUT@NAME
  ssd-harness compare ours=OUT/samples_livecodebench_v6_1.jsonl theirs=SCORED/verdicts.jsonl --json

The first run is the baseline. All runs must cover the same problems."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the runs and the output format."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="NAME=PATH",
        help="an lm-eval samples_*.jsonl, a verdicts.jsonl, or a folder with one of them; the first run is the "
        "baseline. If a folder has several, PATH@WORD selects one by run id, checkpoint, fingerprint, task or file "
        "name, and PATH@base selects the base model's",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison."""
    from ssd_harness.results.run_comparison import compare

    runs: dict[str, str] = {}
    for word in arguments.runs:
        name, separator, path = word.partition("=")
        if not separator:
            name = path = word
        if name in runs:
            raise UsageError(f"two runs are called {name!r}", next_step="write NAME=PATH with different names")
        runs[name] = path
    comparison = compare(runs)
    print(json.dumps(comparison.as_fields(), indent=2) if arguments.json else comparison)
    return ExitCode.DONE
