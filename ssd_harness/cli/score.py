"""``ssd-harness score``: judge programs that something else generated. Needs no model, no torch and no lm-eval."""

import argparse
import shlex
import sys
from pathlib import Path

from ssd_harness.cli.fields import count
from ssd_harness.errors import ExitCode
from ssd_harness.judge.judges import JUDGES, TESTS
from ssd_harness.livecodebench.data_files import FOLDER_VARIABLE
from ssd_harness.livecodebench.releases import RELEASES, select
from ssd_harness.sandbox.interface import SANDBOX_VARIABLE
from ssd_harness.scoring.options import ScoringOptions

_EXAMPLES = """examples:
  ssd-harness score samples.jsonl --out scored
  ssd-harness score samples.jsonl --release v6 --window v6 --judge stdio --out scored
  ssd-harness score samples_livecodebench_mini.jsonl --release mini --out scored
  ssd-harness score generations_o1-mini.jsonl --data ./code_generation_lite --out scored

A row of the file looks like {"question_id": "abc301_a", "code": "print(1)"}.
Run the same command again to judge only the samples that have no verdict yet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the samples, the problems and the judge."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "samples",
        type=Path,
        metavar="SAMPLES.jsonl",
        help="rows of {question_id, code}, {question_id, output} or {question_id, code_list}; several rows of one "
        "problem are several samples; lm-eval's samples_*.jsonl and LiveCodeBench's result lists work too",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for verdicts.jsonl and summary.json")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=f"folder of the LiveCodeBench files (default: ${FOLDER_VARIABLE}, else the Hub)",
    )
    parser.add_argument("--release", default="v6", help=f"{', '.join(RELEASES)} (default: v6)")
    parser.add_argument("--window", default="all", help="v6, v5, YYYY-MM..YYYY-MM or all (default: all)")
    parser.add_argument(
        "--judge",
        choices=JUDGES,
        default="lcb",
        help="lcb: like the official LiveCodeBench scorer; stdio: like `python3 main.py < input` (default: lcb)",
    )
    parser.add_argument("--tests", choices=TESTS, default="all", help="tests to run (default: all)")
    parser.add_argument(
        "--sandbox", default="", metavar="NAME", help=f"docker or process (default: ${SANDBOX_VARIABLE}, else docker)"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="fail before judging if a question_id is not in the data, instead of ignoring its samples",
    )
    parser.add_argument(
        "--workers", type=count, metavar="N", help="programs to run at once (default: one per CPU core)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Score the samples, write ``verdicts.jsonl`` and ``summary.json``, and print the summary."""
    from ssd_harness.results.sample_scores import score_file

    options = ScoringOptions(arguments.judge, arguments.tests, arguments.sandbox, arguments.workers)
    scores, scoring = score_file(
        arguments.samples,
        select(arguments.release, arguments.window),
        options,
        data=arguments.data,
        out=arguments.out,
        strict=arguments.strict,
        tell=_print_note,
    )
    print(scores)
    print(f"written to {arguments.out}/verdicts.jsonl and summary.json")
    if not scoring.internal_errors:
        name = arguments.out.resolve().name.replace("=", "-") or "run"
        command = shlex.join(["ssd-harness", "compare", f"{name}={arguments.out}"])
        _print_note(f"intervals: {command} (add more runs as NAME=PATH)")
    scoring.require_complete("the other verdicts are kept; run the same command again")
    return ExitCode.DONE


def _print_note(text: str) -> None:
    print(text, file=sys.stderr)
