"""Read the rows of the data set's jsonl files one line at a time, because a line may have a hundred megabytes."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError
from ssd_harness.foreign_json import JsonError, is_text, parse, require_bounded
from ssd_harness.judge.decode import parse_expected
from ssd_harness.judge.problem_tests import ProblemTests
from ssd_harness.livecodebench.private_tests import MalformedTestsError, decode_tests
from ssd_harness.livecodebench.problem import Problem

_TEXTS = ("question_id", "question_content", "contest_date", "difficulty", "public_test_cases", "private_test_cases")
# Shown to models and written to logs.
_SHOWN = ("question_title", "question_content", "starter_code", "metadata")
_OPTIONAL = ("question_title", "platform", "contest_id", "starter_code")
# Shown, grouped and compared as they are.
_NAMES = ("question_id", "platform", "contest_id", "difficulty")
MAX_LINE = 512 << 20
"""Size of one row in bytes; the largest published one has 92 MB."""
_MAX_NAME = 200
_MAX_VALUES, _DEEPEST = 1_000, 8
_MAX_EXPECTED, _DEEPEST_EXPECTED = 4_000_000, 300
"""JSON values in one expected result; LeetCode's have at most some hundred thousand numbers."""
_DATE = re.compile(r"20\d\d-(0[1-9]|1[0-2])-\d\d.{0,40}")
_NEXT = "download the file again, or correct this line"


@dataclass(frozen=True, slots=True)
class FileContent:
    """Everything in one file except the tests."""

    sha256: str
    problems: tuple[Problem, ...]


def read_file(path: Path, progress: Callable[[int], None] = lambda _: None) -> FileContent:
    """Read every row; ``progress`` gets the size of each line in bytes. An error names the line."""
    digest, problems, offset = hashlib.sha256(), [], 0
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE + 1), b""), start=1):
                if len(line) > MAX_LINE:
                    raise InfrastructureError(
                        f"a data row has more than {MAX_LINE >> 20} MiB", where=f"{path}:{number}", next_step=_NEXT
                    )
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
    """Decode one problem's tests from its line. An error names the problem and the line."""
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
            f"the metadata of {problem.question_id} do not name the function to call", where=where, next_step=_NEXT
        )
    if problem.function is not None:
        _check_expected([test["output"] for test in tests], problem, where)
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
            f"cannot decode {field} of {problem.question_id}: {error}", where=where, next_step=_NEXT
        ) from error


def _check_expected(outputs: Iterable[str], problem: Problem, where: str) -> None:
    """Require that every expected result is a JSON value of bounded size."""
    for number, output in enumerate(outputs, start=1):
        try:
            require_bounded(output, _MAX_EXPECTED, _DEEPEST_EXPECTED)
            parse_expected(output)
        except ValueError as error:
            reason = str(error) if isinstance(error, JsonError) else "not JSON"
            raise InfrastructureError(
                f"cannot read the expected result of test {number} of {problem.question_id}: {reason}",
                where=where,
                next_step=_NEXT,
            ) from error


def tests_hash(row: dict[str, Any]) -> str:
    """Hash both encoded test fields and the metadata that decide how the tests are run."""
    digest = hashlib.sha256()
    for field in ("public_test_cases", "private_test_cases", "metadata"):
        text = str(row.get(field, "")).encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.hexdigest()


def unreadable(path: Path, error: OSError) -> InfrastructureError:
    """Return the error for a data file that cannot be read."""
    return InfrastructureError(
        f"cannot read the data file: {error.strerror}",
        where=path,
        next_step="set SSD_LCB_DATA or --data to the folder of the data files, or run `ssd-harness data fetch`",
    )


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = parse(line, most=_MAX_VALUES, deepest=_DEEPEST)
    except JsonError as error:
        raise InfrastructureError(f"a data row is not valid JSON ({error})", where=where, next_step=_NEXT) from error
    if not isinstance(row, dict):
        raise InfrastructureError("a data row must be a JSON object", where=where, next_step=_NEXT)
    if isinstance(row.get("question_id"), int):
        row["question_id"] = str(row["question_id"])
    if complaint := _complaint(row):
        raise InfrastructureError(complaint, where=where, next_step=_NEXT)
    return row


def _complaint(row: dict[str, Any]) -> str:
    """Return what is wrong with the fields of a row, "" if nothing is."""
    checks = [
        *(
            (f"a data row lacks the string {field!r}", isinstance(row.get(field), str) and row[field])
            for field in _TEXTS
        ),
        *((f"{field} of a data row is not a string or number", _is_scalar(row.get(field))) for field in _OPTIONAL),
        *((f"{field} of a data row is not a printable name", _is_name(str(row.get(field) or ""))) for field in _NAMES),
        *(
            (f"{field} of a data row holds half a surrogate pair", is_text(str(row.get(field) or "")))
            for field in _SHOWN
        ),
        ("contest_date of a data row is not a date", _is_date(row.get("contest_date"))),
    ]
    return next((complaint for complaint, valid in checks if not valid), "")


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | None)


def _is_name(text: str) -> bool:
    return text.isprintable() and len(text) <= _MAX_NAME


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and bool(_DATE.fullmatch(value)) and value.isprintable()


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
        decoded = parse(metadata, most=_MAX_VALUES, deepest=_DEEPEST) if isinstance(metadata, str) else metadata
        name = decoded.get("func_name")
    except (JsonError, AttributeError) as error:
        raise InfrastructureError(
            "the metadata of a data row are not a JSON object", where=where, next_step=_NEXT
        ) from error
    if name is not None and not (isinstance(name, str) and name.isidentifier()):
        raise InfrastructureError("func_name in the metadata is not an identifier", where=where, next_step=_NEXT)
    return name
