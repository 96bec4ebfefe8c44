"""Per-problem outcomes of one run, read from what ``ssd-harness score`` or ``lm_eval --log_samples`` wrote."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.results.run_files import find_run

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
    several, ``FOLDER@WORD`` says which (:func:`~ssd_harness.results.run_files.find_run`).
    """
    file = find_run(path)
    passed: dict[str, list[bool]] = {}
    difficulty: dict[str, str] = {}
    for where, row in _rows(file):
        for verdict in _verdicts(row, where):
            question = str(verdict.get("question_id"))
            if verdict.get("verdict") == "IE":
                raise InfrastructureError(
                    f"{question} was never judged (IE)", where=where, next_step="run the scorer again on this run first"
                )
            passed.setdefault(question, []).append(bool(verdict.get("passed")))
            difficulty[question] = str(verdict.get("difficulty") or _doc(row).get("difficulty") or "unknown")
    if not passed:
        raise UsageError("no verdicts in this file", where=file, next_step="was the run made with --predict_only?")
    return {
        question: ProblemOutcome(question, len(flags), sum(flags), difficulty[question])
        for question, flags in passed.items()
    }


def _rows(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{file}:{number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InfrastructureError("broken line of JSON", where=where) from error
            if not isinstance(row, dict):
                raise InfrastructureError("a row must be a JSON object", where=where)
            yield where, row


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
        return json.loads(response)
    except (ValueError, RecursionError):
        return None
