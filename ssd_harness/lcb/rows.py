"""Read rows of the data set's jsonl files, one line at a time: a line may be a hundred megabytes."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError
from ssd_harness.judge.problem import ProblemTests
from ssd_harness.lcb.private_tests import MalformedTestsError, decode_tests
from ssd_harness.lcb.problem import Problem

_TEXTS = ("question_id", "question_content", "contest_date", "difficulty", "public_test_cases", "private_test_cases")
# Shown, grouped by and compared as they are.
_NAMES = ("question_id", "platform", "contest_id", "difficulty")
_MAX_NAME = 200
_DATE = re.compile(r"20\d\d-(0[1-9]|1[0-2])-\d\d.{0,40}")
_NEXT = "fetch the file again, or correct this line"


@dataclass(frozen=True, slots=True)
class FileContent:
    """Everything in one file but the tests."""

    sha256: str
    problems: tuple[Problem, ...]


def read_file(path: Path, progress: Callable[[int], None] = lambda _: None) -> FileContent:
    """Read every row once; ``progress`` hears how many bytes each line had. Raises one error that names the line."""
    digest, problems, offset = hashlib.sha256(), [], 0
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                digest.update(line)
                if line.strip():
                    row = _parse(line, f"{path}:{number}")
                    problems.append(_problem(row, path, number, offset, len(line)))
                offset += len(line)
                progress(len(line))
    except OSError as error:
        raise unreadable(path, error) from error
    return FileContent(digest.hexdigest(), tuple(problems))


def read_tests(path: Path, problem: Problem) -> ProblemTests:
    """Decode one problem's tests from its line. Raises one error that names the problem and the line."""
    where = f"{path}:{problem.line}"
    try:
        with path.open("rb") as stream:
            stream.seek(problem.offset)
            line = stream.read(problem.size)
    except OSError as error:
        raise unreadable(path, error) from error
    row = _parse(line, where)
    del line
    if row["question_id"] != problem.question_id or tests_hash(row) != problem.tests_sha256:
        raise InfrastructureError("the data file changed while it was in use", where=where, next_step="run again")
    public = _decode(row, "public_test_cases", problem, where)
    tests = public + _decode(row, "private_test_cases", problem, where)
    if not tests:
        raise InfrastructureError(f"{problem.question_id} has no tests", where=where, next_step=_NEXT)
    if problem.function is None and any(test.get("testtype") == "functional" for test in tests):
        raise InfrastructureError(
            f"the metadata of {problem.question_id} name no function to call", where=where, next_step=_NEXT
        )
    return ProblemTests(
        question_id=problem.question_id,
        inputs=tuple(test["input"].encode("utf-8", "surrogatepass") for test in tests),
        expected=tuple(test["output"] for test in tests),
        public=len(public),
        function=problem.function,
    )


def _decode(row: dict[str, Any], field: str, problem: Problem, where: str) -> list[dict[str, Any]]:
    try:
        return decode_tests(row.pop(field))
    except MalformedTestsError as error:
        raise InfrastructureError(
            f"{field} of {problem.question_id} cannot be decoded: {error}", where=where, next_step=_NEXT
        ) from error


def tests_hash(row: dict[str, Any]) -> str:
    """Hash both encoded test fields and what decides how they are called."""
    digest = hashlib.sha256()
    for field in ("public_test_cases", "private_test_cases", "metadata"):
        text = str(row.get(field, "")).encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.hexdigest()


def unreadable(path: Path, error: OSError) -> InfrastructureError:
    """Return the error for a data file that cannot be opened or read."""
    return InfrastructureError(
        f"cannot read the data file: {error.strerror}",
        where=path,
        next_step="name the folder of the data files in SSD_LCB_DATA or --data, or run `ssd-harness data fetch`",
    )


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InfrastructureError("broken line of JSON in the data", where=where, next_step=_NEXT) from error
    if not isinstance(row, dict):
        raise InfrastructureError("a data row must be a JSON object", where=where, next_step=_NEXT)
    row["question_id"] = str(row.get("question_id") or "")
    for field in _TEXTS:
        if not isinstance(row.get(field), str) or not row[field]:
            raise InfrastructureError(f"a data row without the text {field!r}", where=where, next_step=_NEXT)
    for field in _NAMES:
        name = str(row.get(field) or "")
        if not name.isprintable() or len(name) > _MAX_NAME:
            raise InfrastructureError(f"{field} of a data row is no printable name", where=where, next_step=_NEXT)
    if not (_DATE.fullmatch(row["contest_date"]) and row["contest_date"].isprintable()):
        raise InfrastructureError("contest_date of a data row is no date", where=where, next_step=_NEXT)
    return row


def _problem(row: dict[str, Any], path: Path, line: int, offset: int, size: int) -> Problem:
    def text(field: str) -> str:
        return str(row.get(field) or "")

    return Problem(
        question_id=row["question_id"],
        question_title=text("question_title"),
        question_content=row["question_content"],
        platform=text("platform"),
        contest_id=text("contest_id"),
        contest_date=row["contest_date"],
        difficulty=row["difficulty"],
        starter_code=text("starter_code"),
        function=_function(row, f"{path}:{line}"),
        tests_sha256=tests_hash(row),
        file=path.name,
        line=line,
        offset=offset,
        size=size,
    )


def _function(row: dict[str, Any], where: str) -> str | None:
    metadata = row.get("metadata") or "{}"
    try:
        decoded = json.loads(metadata) if isinstance(metadata, str) else metadata
        name = decoded.get("func_name")
    except (ValueError, AttributeError, RecursionError) as error:
        raise InfrastructureError(
            "the metadata of a data row are no JSON object", where=where, next_step=_NEXT
        ) from error
    if name is not None and not (isinstance(name, str) and name.isidentifier()):
        raise InfrastructureError("func_name in the metadata is no name", where=where, next_step=_NEXT)
    return name
