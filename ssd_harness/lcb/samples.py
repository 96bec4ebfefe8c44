"""Read what others generated: jsonl rows or a JSON list, one program, several, or raw outputs a row."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.judge.extraction import extract_program
from ssd_harness.judge.problem import Program

_FORMS = "a row is {question_id, code}, {question_id, output}, {question_id, code_list} or an lm-eval sample"


@dataclass(frozen=True, slots=True)
class LocatedProgram:
    """A program, and where in the file it stands."""

    program: Program
    where: str


def read_samples(path: Path) -> list[LocatedProgram]:
    """Read every row of ``path``; several rows of one problem are several samples, numbered as they come.

    Takes our own forms, lm-eval's ``samples_*.jsonl`` and LiveCodeBench's lists with ``code_list`` or ``output_list``.
    Raises one :class:`UsageError` that names file and line, before anything has run.
    """
    found: list[LocatedProgram] = []
    numbers: Counter[str] = Counter()
    for where, row in _rows(path):
        question_id = _question_id(row, where)
        for code in _codes(row, where):
            found.append(LocatedProgram(Program(question_id, numbers[question_id], code), where))
            numbers[question_id] += 1
    if not found:
        raise UsageError("no samples in this file", where=path, next_step=_FORMS)
    return found


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with path.open("rb") as stream:
            start = stream.read(64).lstrip()[:1]
            stream.seek(0)
            if start == b"[":
                yield from _list_rows(path, stream.read())
                return
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield f"{path}:{number}", _object(line, f"{path}:{number}")
    except OSError as error:
        raise UsageError(f"cannot read the samples: {error.strerror}", where=path) from error


def _list_rows(path: Path, data: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = _json(data, str(path))
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise UsageError("a sample must be a JSON object", where=f"{path}, item {number}", next_step=_FORMS)
        yield f"{path}, item {number}", row


def _object(line: bytes, where: str) -> Mapping[str, Any]:
    row = _json(line, where)
    if not isinstance(row, dict):
        raise UsageError("a sample must be a JSON object", where=where, next_step=_FORMS)
    return row


def _json(data: bytes, where: str) -> Any:
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(
            "binary data, not UTF-8 text", where=where, next_step="give a jsonl file of samples"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError("broken line of JSON among the samples", where=where, next_step="correct this line") from error


def _question_id(row: Mapping[str, Any], where: str) -> str:
    doc = row.get("doc")
    value = row.get("question_id", doc.get("question_id") if isinstance(doc, dict) else None)
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise UsageError("a sample without question_id", where=where, next_step=_FORMS)
    return str(value)


def _codes(row: Mapping[str, Any], where: str) -> list[str]:
    if "code" in row:
        return [_text(row["code"], "code", where)]
    if "code_list" in row:
        return [_text(code, "code_list", where) for code in _list(row["code_list"], "code_list", where)]
    if "output" in row:
        return [extract_program(_text(row["output"], "output", where))]
    if "output_list" in row:
        outputs = _list(row["output_list"], "output_list", where)
    elif "resps" in row:
        outputs = [text for group in _list(row["resps"], "resps", where) for text in _list(group, "resps", where)]
    else:
        raise UsageError("a sample without a program", where=where, next_step=_FORMS)
    return [extract_program(_text(output, "output", where)) for output in outputs]


def _list(value: Any, field: str, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise UsageError(f"{field} of a sample must be a list", where=where, next_step=_FORMS)
    return value


def _text(value: Any, field: str, where: str) -> str:
    # Some harnesses write null for a generation without a program.
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"{field} of a sample must be a text", where=where, next_step=_FORMS)
    return value
