"""``ssd-harness score``: judge programs that something else generated. Needs no model, no torch and no lm-eval."""

import argparse
import hashlib
import json
import shlex
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssd_harness import provenance
from ssd_harness.artifacts.verdict_journal import Journal
from ssd_harness.errors import ExitCode, UsageError
from ssd_harness.harness.files.samples import LocatedProgram, read_samples
from ssd_harness.judge.judges import JUDGES, TESTS
from ssd_harness.livecodebench.data_files import FOLDER_VARIABLE
from ssd_harness.livecodebench.releases import RELEASES, select
from ssd_harness.livecodebench.store import ProblemStore, known_elsewhere, open_store
from ssd_harness.progress import ProgressLine
from ssd_harness.sandbox.interface import SANDBOX_VARIABLE
from ssd_harness.scoring import published_verdicts
from ssd_harness.scoring.batch import Scoring, score
from ssd_harness.scoring.equal_samples import UNKNOWN_CAUSE, EqualSamples
from ssd_harness.scoring.options import ScoringOptions
from ssd_harness.scoring.summary import render, summarize
from ssd_harness.storage import atomic_writer, disk_errors, write_json

_EXAMPLES = """examples:
  ssd-harness score samples.jsonl --out scored
  ssd-harness score samples.jsonl --release v6 --window v6 --judge stdio --out scored
  ssd-harness score samples_livecodebench_mini.jsonl --release mini --out scored
  ssd-harness score generations_o1-mini.jsonl --data ./code_generation_lite --out scored

A row of the file is {"question_id": "abc301_a", "code": "print(1)"}. Given again, a run judges what is missing."""
_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to score, against which problems, and how."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "samples",
        type=Path,
        metavar="SAMPLES.jsonl",
        help="rows {question_id, code}, {question_id, output} or {question_id, code_list}; several rows of one problem "
        "are several samples; lm-eval's samples_*.jsonl and LiveCodeBench's result lists are taken too",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for verdicts.jsonl and summary.json")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=f"folder of the data files (default: {FOLDER_VARIABLE}, else Hub)",
    )
    parser.add_argument("--release", default="v6", help=f"{', '.join(RELEASES)} (default: v6)")
    parser.add_argument("--window", default="all", help="v6, v5, YYYY-MM..YYYY-MM or all (default: all)")
    parser.add_argument(
        "--judge",
        choices=JUDGES,
        default="lcb",
        help="lcb: the official scorer's semantics; stdio: each program as `python3 main.py < input` runs it",
    )
    parser.add_argument("--tests", choices=TESTS, default="all", help="which tests to run (default: all)")
    parser.add_argument(
        "--sandbox", default="", metavar="NAME", help=f"docker or process (default: {SANDBOX_VARIABLE}, else docker)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="refuse a file with a question_id that the data lacks, before judging"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="slots at once (default: as many as cores)")


def run(arguments: argparse.Namespace) -> int:
    """Score the samples and write ``verdicts.jsonl`` and ``summary.json``."""
    options = ScoringOptions(arguments.judge, arguments.tests, arguments.sandbox, arguments.workers)
    selection = select(arguments.release, arguments.window)
    samples = read_samples(arguments.samples)
    store = open_store(selection, arguments.data)
    samples, outside, unknown = _inside(samples, store, strict=arguments.strict)
    with disk_errors(arguments.out):
        arguments.out.mkdir(parents=True, exist_ok=True)
    _say(store.summary())
    if store.warning:
        _say(f"warning: {store.warning}")
    if unknown:
        _say(f"warning: {_unknown_words(unknown, store)}; their samples are left out")
    if outside:
        _say(f"note: {outside} samples belong to problems outside of the window and are left out")
    if without := len(store.problems) - len({sample.program.question_id for sample in samples}):
        _say(f"note: {without} of {len(store.problems)} problems have no sample and count for nothing")

    journal = Journal(arguments.out / "verdicts.journal.jsonl")
    with ProgressLine("scoring", len(samples)) as line:
        scoring = score(
            [sample.program for sample in samples],
            store,
            options,
            journal,
            on_start=lambda missing: line.skip(len(samples) - missing),
            on_verdict=lambda _: line.advance(),
        )
    summary = _write(arguments, scoring, store, samples, outside=outside, unknown=unknown)
    print(render(summary))
    if store.unofficial:
        print(store.unofficial)
    if published := summary["published"]:
        print(published_verdicts.render(published))
    print(f"written to {arguments.out}/verdicts.jsonl and summary.json")
    if not scoring.internal_errors:
        name = arguments.out.resolve().name.replace("=", "-") or "run"
        command = shlex.join(["ssd-harness", "compare", f"{name}={arguments.out}"])
        _say(f"intervals: {command} (further runs as NAME=PATH are set beside it)")
    scoring.require_complete("all other verdicts are kept; run the same command again")
    return ExitCode.DONE


def _inside(
    samples: Sequence[LocatedProgram], store: ProblemStore, *, strict: bool
) -> tuple[list[LocatedProgram], int, list[str]]:
    """Return the samples of the store's problems, how many are outside of the window, and unknown question ids.

    With ``strict``, or where nothing else is left, an unknown id is an error.
    """
    strange = {s.program.question_id: s.where for s in reversed(samples) if s.program.question_id not in store.problems}
    outside = known_elsewhere(store, strange) if strange else set()
    unknown = [name for name in reversed(strange) if name not in outside]
    kept = [sample for sample in samples if sample.program.question_id in store.problems]
    if unknown and (strict or not (kept or outside)):
        raise UsageError(
            _unknown_words(unknown, store),
            where=strange[unknown[0]],
            next_step="correct the question_id, or choose another --release or --window",
        )
    if not kept:
        raise UsageError(
            f"all samples belong to problems outside of {store.selection}", next_step="choose another --window"
        )
    missing = set(unknown)
    left_out = sum(sample.program.question_id in missing for sample in samples)
    return kept, len(samples) - len(kept) - left_out, unknown


def _unknown_words(unknown: Sequence[str], store: ProblemStore) -> str:
    names = ", ".join(f"{name!r}" for name in unknown[:_SHOWN]) + (", ..." if len(unknown) > _SHOWN else "")
    return f"{len(unknown)} problems of the samples are not in {store.selection}: {names}"


def _write(
    arguments: argparse.Namespace,
    scoring: Scoring,
    store: ProblemStore,
    samples: Sequence[LocatedProgram],
    *,
    outside: int,
    unknown: Sequence[str],
) -> dict[str, Any]:
    by_program = {(sample.program.question_id, sample.program.sample): sample for sample in samples}
    rows = sorted(scoring.verdicts, key=lambda verdict: (verdict.question_id, verdict.sample))
    with atomic_writer(arguments.out / "verdicts.jsonl") as stream:
        for verdict in rows:
            sample = by_program[verdict.question_id, verdict.sample]
            row = {**verdict.as_row(), "difficulty": store.problems[verdict.question_id].difficulty}
            row |= sample.facts.as_row() | {"code": sample.program.code}
            if sample.published is not None:
                row["published"] = sample.published
            stream.write(json.dumps(row) + "\n")
    summary = {
        **summarize(
            scoring.verdicts, store.problems, [sample.facts for sample in samples], equal=_equal_samples(samples)
        ),
        "published": published_verdicts.compare(
            rows, {program: sample.published for program, sample in by_program.items()}
        ),
        "complete": not scoring.internal_errors,
        "problems_without_samples": len(store.problems) - len({verdict.question_id for verdict in scoring.verdicts}),
        "samples_outside_of_window": outside,
        "unknown_problems": list(unknown),
        "judged_now": scoring.judged,
        "samples": {"file": arguments.samples.name, "sha256": _sha256(arguments.samples)},
        "data": {**store.describe(), "warning": store.warning},
        "scoring": scoring.provenance,
        "software": provenance.collect(),
        "command": provenance.command(),
    }
    write_json(arguments.out / "summary.json", summary)
    return summary


def _equal_samples(samples: Sequence[LocatedProgram]) -> str | None:
    """Say why nothing but pass@1 can be computed, if all programs of a problem are the same; no program is no sign."""
    texts: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        texts[sample.program.question_id].append(sample.program.code)
    return EqualSamples.count(codes for codes in texts.values() if any(codes)).reason(UNKNOWN_CAUSE)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _say(text: str) -> None:
    print(text, file=sys.stderr)
