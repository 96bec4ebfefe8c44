"""Read the rows of a file of samples or verdicts: one JSON object per line, or one JSON list."""

import codecs
import glob
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.foreign_json import JsonError, parse

FORMS = "a row is {question_id, code}, {question_id, output}, {question_id, code_list} or an lm-eval sample"

_MOST_VALUES = 5_000_000
"""A list of samples is one JSON text."""

Row = Mapping[str, Any]
Content = Literal["samples", "verdicts"]
"""The content of a file: samples, which the user provides, or verdicts, which we wrote."""


def read_rows(path: Path, content: Content = "samples") -> Iterator[tuple[str, Row]]:
    """Yield each row with its location, ``FILE:LINE``.

    A row that is not valid is a :class:`UsageError` among samples, and an :class:`InfrastructureError` among verdicts.
    """
    try:
        with path.open("rb") as stream:
            mark = len(codecs.BOM_UTF8) if stream.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0
            stream.seek(mark)
            start = stream.read(64).lstrip()[:1]
            stream.seek(mark)
            if start == b"[":
                yield from _list_rows(path, stream.read(), content)
                return
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                if number == 1 and line.strip() == b"{":  # one object over several lines
                    yield str(path), _row(line + stream.read(), str(path), content)
                    return
                yield f"{path}:{number}", _row(line, f"{path}:{number}", content)
    except OSError as error:
        raise UsageError(f"cannot read the {content}: {error.strerror}", where=path) from error


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


def _list_rows(path: Path, data: bytes, content: Content) -> Iterator[tuple[str, Row]]:
    for number, row in enumerate(_json(data, str(path), content), start=1):
        yield f"{path}, item {number}", _object(row, f"{path}, item {number}", content)


def _row(data: bytes, where: str, content: Content) -> Row:
    return _object(_json(data, where, content), where, content)


def _object(row: Any, where: str, content: Content) -> Row:
    if not isinstance(row, dict):
        raise _invalid(f"a {content.removesuffix('s')} must be a JSON object", where, FORMS, content)
    if "results" in row and "configs" in row:
        raise UsageError(
            "these are lm-eval's results, which hold no samples", where=where, next_step=_samples_beside(where)
        )
    return row


def _samples_beside(where: str) -> str:
    """Name the files with the samples of lm-eval's results: their names end in the same date."""
    results = Path(where)
    date = glob.escape(results.stem.rpartition("_")[2])
    files = sorted(map(str, results.parent.glob(f"samples_*_{date}.jsonl")))
    names = " or ".join(files) or "the samples_TASK_DATE.jsonl beside it"
    return f"give {names}" + ("" if files else ", which lm_eval writes with --log_samples")


def _json(data: bytes, where: str, content: Content) -> Any:
    try:
        return parse(data, most=_MOST_VALUES)
    except JsonError as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            invalid = _invalid("binary data, not UTF-8 text", where, f"give a jsonl file of {content}", content)
        else:
            what = f"broken line of JSON among the {content} ({error})"
            invalid = _invalid(what, where, "correct this line", content)
        raise invalid from error


def _invalid(what: str, where: str, next_step: str, content: Content) -> UsageError | InfrastructureError:
    if content == "samples":
        return UsageError(what, where=where, next_step=next_step)
    return InfrastructureError(what, where=where, next_step="score the samples again")
