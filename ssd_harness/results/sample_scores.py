"""Judge programs that something else generated, and summarise their verdicts."""

import hashlib
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ssd_harness import provenance
from ssd_harness.artifacts.verdict_journal import Journal
from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files.rows import FORMS
from ssd_harness.harness.result_files.samples import LocatedProgram, read_samples, samples_of
from ssd_harness.harness.task.task_names import TASKS, selection_of
from ssd_harness.judge.verdicts import ProgramVerdict
from ssd_harness.livecodebench.releases import Selection
from ssd_harness.livecodebench.store import ProblemStore, known_elsewhere, open_store
from ssd_harness.progress import ProgressLine
from ssd_harness.scoring import batch, published_verdicts
from ssd_harness.scoring.equal_samples import UNKNOWN_CAUSE, EqualSamples
from ssd_harness.scoring.options import ScoringOptions
from ssd_harness.scoring.summary import KS, render, summarize
from ssd_harness.storage import atomic_writer, disk_errors, write_json

_SHOWN = 5
"""Unknown question ids that a message lists."""
_NEXT_STEP = "the other verdicts are kept; run the same command again"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SampleScores:
    """Verdicts and pass@k of samples that something else generated. ``print`` shows them as tables."""

    verdicts: tuple[ProgramVerdict, ...]
    """One verdict a sample, ordered by question_id and sample number."""
    rows: tuple[Mapping[str, Any], ...]
    """The rows of ``verdicts.jsonl``: each verdict with its problem's difficulty, generation facts and program."""
    summary: Mapping[str, Any]
    """The content of ``summary.json``: counts, pass@k by group, data, sandbox and software versions."""
    notes: tuple[str, ...] = ()
    """Notes that change the meaning of the figures, for example that the data is not the official data."""

    @property
    def pass_at(self) -> dict[int, float]:
        """Return pass@k over all scored problems, by k; each value is a proportion in [0, 1].

        A k is missing if some problem has fewer than k samples.
        """
        figures = self.summary["all"]
        return {k: figures[f"pass@{k}"] for k in KS if f"pass@{k}" in figures}

    def __str__(self) -> str:
        lines = [render(self.summary)]
        lines += self.notes
        if published := self.summary["published"]:
            lines.append(published_verdicts.render(published))
        return "\n".join(lines)


def score(
    samples: Iterable[Mapping[str, Any]] | str | os.PathLike[str],
    *,
    task: str = "livecodebench_v6",
    release: str | None = None,
    window: str | None = None,
    judge: Literal["lcb", "stdio"] = "lcb",
    tests: Literal["all", "public", "private"] = "all",
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    sandbox: str = "",
    workers: int | None = None,
    strict: bool = False,
) -> SampleScores:
    """Judge programs in the sandbox and return their verdicts and pass@k.

    Args:
        samples: Rows, or the path of a JSON or JSONL file of rows. A row is ``{"question_id", "code"}``,
            ``{"question_id", "output"}`` (a raw generation) or ``{"question_id", "code_list"}``. Several rows with one
            question_id are several samples of that problem. Files may also be lm-eval's ``samples_*.jsonl`` or
            LiveCodeBench's result lists.
        task: The lm-eval task whose problems to score. ``release`` and ``window`` override its own.
        judge: ``lcb`` scores like the official LiveCodeBench scorer, ``stdio`` like ``python3 main.py < input``.
        tests: Which tests to run.
        data: Folder with the LiveCodeBench files. None uses ``SSD_LCB_DATA``, else the Hub.
        out: Folder for ``verdicts.jsonl`` and ``summary.json``. A second call with the same folder judges only the
            missing samples. None writes no files.
        sandbox: ``docker`` or ``process``. Empty uses ``SSD_HARNESS_SANDBOX``, else ``docker``.
        workers: Programs to run at once. None uses one per CPU core.
        strict: Refuse a question_id that the data does not have, instead of ignoring its samples.

    Raises:
        UsageError: A row, task, window or option is not valid. Raised before any program runs.
        InfrastructureError: The data or the sandbox is not available, or some programs could not be judged. With
            ``out``, all other verdicts are kept and the next call judges only those.

    """
    options = ScoringOptions(judge, tests, sandbox, workers)
    if isinstance(samples, str | os.PathLike):
        located, source = read_samples(Path(samples)), _file_record(Path(samples))
    else:
        rows = list(samples)
        located, source = _located(rows), _row_record(rows)
    store = open_store(_selection(task, release, window), None if data is None else Path(data))
    scores, scoring = score_located(
        located, store, options, source=source, out=None if out is None else Path(out), strict=strict
    )
    scoring.require_complete(_NEXT_STEP)
    return scores


def score_file(
    samples: Path,
    selection: Selection,
    options: ScoringOptions,
    *,
    data: Path | None,
    out: Path,
    strict: bool,
    tell: Tell,
) -> tuple[SampleScores, batch.Scoring]:
    """Score one file of samples into the folder ``out``. Internal errors are returned, not raised."""
    located = read_samples(samples)
    store = open_store(selection, data)
    return score_located(located, store, options, source=_file_record(samples), out=out, strict=strict, tell=tell)


def score_located(
    located: Sequence[LocatedProgram],
    store: ProblemStore,
    options: ScoringOptions,
    *,
    source: Mapping[str, Any],
    out: Path | None = None,
    strict: bool = False,
    tell: Tell = lambda _: None,
) -> tuple[SampleScores, batch.Scoring]:
    """Score samples whose place in the input is known. ``source`` describes the input in the summary."""
    chosen = _choose(located, store, strict=strict)
    if out:
        with disk_errors(out):
            out.mkdir(parents=True, exist_ok=True)
    for line in chosen.notes(store):
        tell(line)
    with tempfile.TemporaryDirectory(prefix="ssd-score-") as scratch:
        journal = Journal((out or Path(scratch)) / "verdicts.journal.jsonl")
        with ProgressLine("scoring", len(chosen.samples)) as progress:
            scoring = batch.score(
                [sample.program for sample in chosen.samples],
                store,
                options,
                journal,
                on_start=lambda missing: progress.skip(len(chosen.samples) - missing),
                on_verdict=lambda _: progress.advance(),
            )
    scores = _summarise(chosen, store, scoring, source)
    if out:
        _write(out, scores)
    return scores, scoring


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The samples whose problems are selected."""

    samples: Sequence[LocatedProgram]
    outside: int
    """Samples of problems that the release has, outside the window."""
    unknown: Sequence[str]
    """Question ids that the data does not have."""

    def notes(self, store: ProblemStore) -> list[str]:
        """Describe the data, and the samples and problems that are ignored."""
        lines = [store.summary()]
        if store.warning:
            lines.append(f"warning: {store.warning}")
        if self.unknown:
            lines.append(f"warning: {_unknown_message(self.unknown, store)}; samples of unknown problems are ignored")
        if self.outside:
            lines.append(f"note: {_samples(self.outside)} of problems outside the window ignored")
        scored = len({sample.program.question_id for sample in self.samples})
        if without := len(store.problems) - scored:
            lines.append(f"note: {without:,} problems without samples ignored; pass@k is over the other {scored:,}")
        return lines


def _located(rows: Sequence[Any]) -> list[LocatedProgram]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise UsageError(f"expected a mapping, got {type(row).__name__}", where=f"row {number}", next_step=FORMS)
    located = samples_of((f"row {number}", row) for number, row in enumerate(rows, 1))
    if not located:
        raise UsageError("there are no samples to score", next_step=FORMS)
    return located


def _selection(task: str, release: str | None, window: str | None) -> Selection:
    selection = selection_of(task, release=release, window=window)
    if selection is None:
        raise UsageError(
            f"no livecodebench task is called {task!r}",
            next_step=f"choose one of: {', '.join(TASKS)}; or give release= and window=",
        )
    return selection


def _choose(located: Sequence[LocatedProgram], store: ProblemStore, *, strict: bool) -> _Chosen:
    """Select the samples of the store's problems. Unknown ids raise if ``strict``, or if no sample is left."""
    strange = {s.program.question_id: s.where for s in reversed(located) if s.program.question_id not in store.problems}
    outside = known_elsewhere(store, strange) if strange else set()
    unknown = [name for name in reversed(strange) if name not in outside]
    samples = [sample for sample in located if sample.program.question_id in store.problems]
    if unknown and (strict or not (samples or outside)):
        raise UsageError(
            _unknown_message(unknown, store),
            where=strange[unknown[0]],
            next_step="correct the question_id, or choose another --release or --window",
        )
    if not samples:
        raise UsageError(
            f"all samples belong to problems outside of {store.selection}", next_step="choose another --window"
        )
    missing = set(unknown)
    ignored = sum(sample.program.question_id in missing for sample in located)
    return _Chosen(samples, len(located) - len(samples) - ignored, unknown)


def _unknown_message(unknown: Sequence[str], store: ProblemStore) -> str:
    names = ", ".join(f"{name!r}" for name in unknown[:_SHOWN]) + (", ..." if len(unknown) > _SHOWN else "")
    subject = "1 question id is" if len(unknown) == 1 else f"{len(unknown):,} question ids are"
    return f"{subject} not in {store.selection}: {names}"


def _samples(count: int) -> str:
    return f"{count:,} sample{'' if count == 1 else 's'}"


def _summarise(chosen: _Chosen, store: ProblemStore, scoring: batch.Scoring, source: Mapping[str, Any]) -> SampleScores:
    verdicts = tuple(sorted(scoring.verdicts, key=lambda verdict: (verdict.question_id, verdict.sample)))
    published = {(sample.program.question_id, sample.program.sample): sample.published for sample in chosen.samples}
    summary = {
        **summarize(
            scoring.verdicts,
            store.problems,
            [sample.facts for sample in chosen.samples],
            equal=_equal_samples(chosen.samples),
        ),
        "published": published_verdicts.compare(verdicts, published),
        "complete": not scoring.internal_errors,
        "problems_without_samples": len(store.problems) - len({verdict.question_id for verdict in verdicts}),
        "samples_outside_of_window": chosen.outside,
        "unknown_problems": list(chosen.unknown),
        "judged_now": scoring.judged,
        "samples": dict(source),
        "data": {**store.describe(), "warning": store.warning},
        "scoring": scoring.provenance,
        "software": provenance.collect(),
        "command": provenance.command(),
    }
    rows = tuple(_rows(verdicts, chosen, store))
    return SampleScores(verdicts, rows, summary, (store.unofficial,) if store.unofficial else ())


def _rows(verdicts: Iterable[ProgramVerdict], chosen: _Chosen, store: ProblemStore) -> Iterator[dict[str, Any]]:
    by_program = {(sample.program.question_id, sample.program.sample): sample for sample in chosen.samples}
    for verdict in verdicts:
        sample = by_program[verdict.question_id, verdict.sample]
        row = {**verdict.as_row(), "difficulty": store.problems[verdict.question_id].difficulty}
        row |= sample.facts.as_row() | {"code": sample.program.code}
        yield row if sample.published is None else {**row, "published": sample.published}


def _write(out: Path, scores: SampleScores) -> None:
    with atomic_writer(out / "verdicts.jsonl") as stream:
        for row in scores.rows:
            stream.write(json.dumps(row) + "\n")
    write_json(out / "summary.json", scores.summary)


def _equal_samples(samples: Sequence[LocatedProgram]) -> str | None:
    """Return why only pass@1 can be computed, if all programs of a problem are equal. Empty programs do not count."""
    codes: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        codes[sample.program.question_id].append(sample.program.code)
    return EqualSamples.count(group for group in codes.values() if any(group)).reason(UNKNOWN_CAUSE)


def _file_record(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        return {"file": path.name, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _row_record(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, default=str).encode("utf-8", "surrogatepass"))
    return {"file": None, "sha256": digest.hexdigest()}
