"""The rows of a file of samples, a JSON object a line or one JSON list, and their fields, each checked."""

import codecs
import glob
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.foreign_json import JsonError, parse

FORMS = "a row is {question_id, code}, {question_id, output}, {question_id, code_list} or an lm-eval sample"

_MOST_VALUES = 5_000_000
"""A list of samples is one text."""

Row = Mapping[str, Any]


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield each row and where it stands; raises :class:`UsageError` for what is no JSON object or no text."""
    try:
        with path.open("rb") as stream:
            mark = len(codecs.BOM_UTF8) if stream.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0
            stream.seek(mark)
            start = stream.read(64).lstrip()[:1]
            stream.seek(mark)
            if start == b"[":
                yield from _list_rows(path, stream.read())
                return
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                if number == 1 and line.strip() == b"{":  # one object over several lines
                    yield str(path), _object(_json(line + stream.read(), str(path)), str(path))
                    return
                yield f"{path}:{number}", _object(_json(line, f"{path}:{number}"), f"{path}:{number}")
    except OSError as error:
        raise UsageError(f"cannot read the samples: {error.strerror}", where=path) from error


def as_list(value: Any, field: str, where: str) -> list[Any]:
    """Return a field that must be a list."""
    if not isinstance(value, list):
        raise UsageError(f"{field} of a sample must be a list", where=where, next_step=FORMS)
    return value


def as_text(value: Any, field: str, where: str) -> str:
    """Return a field that must be a text; some harnesses write null for a generation without a program."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"{field} of a sample must be a text", where=where, next_step=FORMS)
    return value


def _list_rows(path: Path, data: bytes) -> Iterator[tuple[str, Row]]:
    for number, row in enumerate(_json(data, str(path)), start=1):
        yield f"{path}, item {number}", _object(row, f"{path}, item {number}")


def _object(row: Any, where: str) -> Row:
    if not isinstance(row, dict):
        raise UsageError("a sample must be a JSON object", where=where, next_step=FORMS)
    if "results" in row and "configs" in row:
        raise UsageError(
            "these are lm-eval's results, which hold no samples",
            where=where,
            next_step=_samples_beside(where),
        )
    return row


def _samples_beside(where: str) -> str:
    """Say which files hold the samples of lm-eval's results: their names end in the same date."""
    results = Path(where)
    date = glob.escape(results.stem.rpartition("_")[2])
    files = sorted(map(str, results.parent.glob(f"samples_*_{date}.jsonl")))
    named = " or ".join(files) or "the samples_TASK_DATE.jsonl beside it"
    return f"give {named}" + ("" if files else ", which lm_eval writes with --log_samples")


def _json(data: bytes, where: str) -> Any:
    try:
        return parse(data, most=_MOST_VALUES)
    except JsonError as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            what, next_step = "binary data, not UTF-8 text", "give a jsonl file of samples"
        else:
            what, next_step = f"broken line of JSON among the samples ({error})", "correct this line"
        raise UsageError(what, where=where, next_step=next_step) from error
