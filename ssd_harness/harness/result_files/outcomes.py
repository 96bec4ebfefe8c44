"""Read the outcome of each problem in one run, from ``ssd-harness score`` or ``lm_eval --log_samples``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.harness.result_files.logged_rows import document_of, question_id_of, records_of
from ssd_harness.harness.result_files.rows import Row, read_rows
from ssd_harness.harness.result_files.runs import find_run

DIFFICULTIES = ("easy", "medium", "hard")


@dataclass(frozen=True, slots=True)
class ProblemOutcome:
    """How many of a problem's samples passed."""

    question_id: str
    samples: int
    passed: int
    difficulty: str = "unknown"


def read_outcomes(path: Path | str) -> dict[str, ProblemOutcome]:
    """Read the outcomes of one run, by question_id.

    ``path`` is a ``verdicts.jsonl``, an lm-eval ``samples_*.jsonl``, or a folder that holds one of them at any depth;
    ``FOLDER@WORD`` chooses one of several (see :func:`~ssd_harness.harness.result_files.runs.find_run`).
    """
    file = find_run(path)
    return outcomes_of(read_rows(file, "verdicts"), file)


def outcomes_of(rows: Iterable[tuple[str, Row]], source: object) -> dict[str, ProblemOutcome]:
    """Return the outcomes in (where, row) pairs, by question_id; ``source`` names the run in errors."""
    passed: dict[str, list[bool]] = {}
    difficulty: dict[str, str] = {}
    for where, row in rows:
        for verdict in _verdicts(row, where):
            question = _question_id(verdict, where)
            if verdict.get("verdict") == "IE":
                raise InfrastructureError(
                    f"{question} was never judged (IE)", where=where, next_step="run the scorer again on this run first"
                )
            passed.setdefault(question, []).append(bool(verdict["passed"]))
            level = verdict.get("difficulty") or document_of(row).get("difficulty")
            difficulty[question] = level if isinstance(level, str) else "unknown"
    if not passed:
        raise UsageError("this run has no verdicts", where=source, next_step="was the run made with --predict_only?")
    return {
        question: ProblemOutcome(question, len(flags), sum(flags), difficulty[question])
        for question, flags in passed.items()
    }


def _question_id(verdict: Mapping[str, Any], where: str) -> str:
    """Return the question_id of a verdict, whose fields are checked."""
    question = verdict.get("question_id")
    passed = verdict.get("passed")
    if not isinstance(question, str | int) or not (isinstance(passed, int) and passed in (0, 1)):
        raise InfrastructureError(
            "a verdict must have a question_id, and passed as true or false",
            where=where,
            next_step="score the samples again",
        )
    return str(question)


def _verdicts(row: Row, where: str) -> list[Mapping[str, Any]]:
    """Return the verdicts in a row: the row itself, or those of the problem in lm-eval's row."""
    if "verdict" in row:
        return [row]
    records = records_of(row)
    if records is None or not all("passed" in record for record in records):
        raise UsageError(
            "this row holds no verdicts", where=where, next_step="only livecodebench tasks can be compared"
        )
    return [{"question_id": question_id_of(row), **record} for record in records]
