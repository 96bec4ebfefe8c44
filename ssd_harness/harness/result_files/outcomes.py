"""Per-problem outcomes of one run, read from what ``ssd-harness score`` or ``lm_eval --log_samples`` wrote."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.foreign_json import JsonError, parse
from ssd_harness.harness.result_files.run_files import find_run

DIFFICULTIES = ("easy", "medium", "hard")


@dataclass(frozen=True, slots=True)
class ProblemOutcome:
    """How many of a problem's samples passed."""

    question_id: str
    samples: int
    passed: int
    difficulty: str = "unknown"


def read_outcomes(path: Path | str) -> dict[str, ProblemOutcome]:
    """Read one run's outcomes, by question_id.

    ``path`` is a ``verdicts.jsonl``, an lm-eval ``samples_*.jsonl``, or a folder that holds either at any depth; of
    several, ``FOLDER@WORD`` says which (:func:`~ssd_harness.harness.result_files.run_files.find_run`).
    """
    file = find_run(path)
    passed: dict[str, list[bool]] = {}
    difficulty: dict[str, str] = {}
    for where, row in _rows(file):
        for verdict in _verdicts(row, where):
            question = _checked(verdict, where)
            if verdict.get("verdict") == "IE":
                raise InfrastructureError(
                    f"{question} was never judged (IE)", where=where, next_step="run the scorer again on this run first"
                )
            passed.setdefault(question, []).append(bool(verdict["passed"]))
            level = verdict.get("difficulty") or _doc(row).get("difficulty")
            difficulty[question] = level if isinstance(level, str) else "unknown"
    if not passed:
        raise UsageError("no verdicts in this file", where=file, next_step="was the run made with --predict_only?")
    return {
        question: ProblemOutcome(question, len(flags), sum(flags), difficulty[question])
        for question, flags in passed.items()
    }


def _checked(verdict: Mapping[str, Any], where: str) -> str:
    """Return the question_id of a verdict whose fields have the kinds of values that they must have."""
    question = verdict.get("question_id")
    passed = verdict.get("passed")
    if not isinstance(question, str | int) or not (isinstance(passed, int) and passed in (0, 1)):
        raise InfrastructureError(
            "a verdict must have a question_id, and passed as true or false",
            where=where,
            next_step="score the samples again",
        )
    return str(question)


def _rows(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield f"{file}:{number}", _row(line, f"{file}:{number}")
    except OSError as error:
        raise UsageError(f"cannot read the verdicts: {error.strerror}", where=file) from error


def _row(line: bytes, where: str) -> Mapping[str, Any]:
    try:
        row = parse(line)
    except JsonError as error:
        raise InfrastructureError(f"broken line of JSON ({error})", where=where) from error
    if not isinstance(row, dict):
        raise InfrastructureError("a row must be a JSON object", where=where)
    return row


def _doc(row: Mapping[str, Any]) -> Mapping[str, Any]:
    doc = row.get("doc")
    return doc if isinstance(doc, dict) else {}


def _verdicts(row: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    """Return the verdict rows in ``row``: itself, or those that an lm-eval sample row carries for one problem."""
    if "verdict" in row:
        return [row]
    responses = row.get("filtered_resps")
    while isinstance(responses, list) and len(responses) == 1 and isinstance(responses[0], list):
        responses = responses[0]
    # lm-eval logs every response as a string; our task's are JSON.
    if isinstance(responses, list):
        responses = [_decoded(item) for item in responses]
    if not isinstance(responses, list) or not all(isinstance(item, dict) and "passed" in item for item in responses):
        raise UsageError(
            "this row holds no verdicts", where=where, next_step="only livecodebench tasks can be compared"
        )
    question = _doc(row).get("question_id")
    return [{"question_id": question, **item} for item in responses]


def _decoded(response: Any) -> Any:
    if not isinstance(response, str):
        return response
    try:
        return parse(response)
    except JsonError:
        return None
