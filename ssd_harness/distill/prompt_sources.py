"""Prompts from local files and from the package's own generator of problems."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ssd_harness.distill import prompt_tests
from ssd_harness.distill.contracts import Prompt, PromptTests
from ssd_harness.errors import UsageError
from ssd_harness.recipe import Recipe

TEXT_COLUMNS = ("messages", "prompt", "question", "problem", "instruction", "text")
"""Where a prompt is looked for, in this order, unless ``prompt_column`` says where."""
_ID_COLUMNS = ("id", "question_id", "prompt_id")
_DEFAULT_COUNT = 512


def jsonl(argument: str, recipe: Recipe) -> Iterator[Prompt]:
    """Read one JSON object a line."""
    path = _existing(argument)
    with path.open("rb") as lines:
        yield from from_rows(_parsed(path, lines), recipe)


def parquet(argument: str, recipe: Recipe) -> Iterator[Prompt]:
    """Read a Parquet file, batch by batch."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    path = _existing(argument)

    def rows() -> Iterator[tuple[str, Any]]:
        number = 0
        try:
            for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"not a Parquet file: {error}", where=path) from error

    yield from from_rows(rows(), recipe)


def generator(_: str, recipe: Recipe) -> Iterator[Prompt]:
    """Draw problems of the families that ``livecodebench_mini`` is made of, none of which is in it."""
    from ssd_harness.problems import generator as problems

    count = recipe.prompt_limit or _DEFAULT_COUNT
    try:
        for drawn in problems.prompts(seed=recipe.seed, count=count):
            cases = drawn.problem.public + drawn.problem.private
            inputs, outputs = tuple(case.input for case in cases), tuple(case.output for case in cases)
            tests = PromptTests(inputs, outputs, drawn.problem.function) if cases else None
            yield Prompt(drawn.id, (("user", drawn.text),), tests)
    except ValueError as error:
        raise UsageError(f"the generator: {error}", next_step="give a smaller prompt_limit=") from error


def from_rows(rows: Iterable[tuple[str, Any]], recipe: Recipe) -> Iterator[Prompt]:
    """Turn (where, row) pairs into prompts; a row is a mapping with the prompt's text or its chat messages."""
    with_tests = prompt_tests.wanted(recipe)
    for where, row in rows:
        if not isinstance(row, Mapping):
            raise UsageError("a prompt row must be an object", where=where)
        messages = _messages(_column(row, recipe, where), where)
        tests = prompt_tests.of_row(row, recipe, where) if with_tests else None
        yield Prompt(_identity(row, recipe, messages, where), messages, tests)


def _column(row: Mapping[str, Any], recipe: Recipe, where: str) -> Any:
    wanted = [recipe.prompt_column] if recipe.prompt_column else TEXT_COLUMNS
    for name in wanted:
        if row.get(name):
            return row[name]
    has = ", ".join(sorted(map(str, row))[:12]) or "nothing"
    raise UsageError(
        f"no prompt in this row: looked for {', '.join(wanted)}, found {has}",
        where=where,
        next_step="give prompt_column=",
    )


def _messages(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    try:
        turns = [{"role": "user", "content": value}] if isinstance(value, str) else value
        messages = tuple((turn["role"], turn["content"]) for turn in turns)
    except (TypeError, KeyError):
        messages = ()
    if not messages or not all(isinstance(part, str) for turn in messages for part in turn):
        raise UsageError("a prompt is a text or a list of {role, content} messages", where=where)
    if any(0xD800 <= ord(character) < 0xE000 for _, content in messages for character in content):
        raise UsageError("a prompt holds half a surrogate pair, which is no text", where=where)
    if messages[-1][0] == "assistant":
        raise UsageError("a prompt must not end with the assistant's turn", where=where)
    return messages


def _identity(row: Mapping[str, Any], recipe: Recipe, messages: tuple[tuple[str, str], ...], where: str) -> str:
    if recipe.id_column:
        if recipe.id_column not in row:
            raise UsageError(f"this row has no column {recipe.id_column!r}", where=where)
        return str(row[recipe.id_column])
    for name in _ID_COLUMNS:
        if isinstance(row.get(name), str | int):
            return str(row[name])
    # Named by its words, a prompt keeps its random numbers wherever it stands in the file.
    return hashlib.sha256(json.dumps(messages).encode()).hexdigest()[:16]


def _existing(argument: str) -> Path:
    path = Path(argument).expanduser()
    if not path.is_file():
        raise UsageError("no such prompt file", where=argument, next_step="give prompts= the path of one")
    return path


def _parsed(path: Path, lines: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield f"{path}, line {number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"not JSON: {error}", where=f"{path}, line {number}") from error
