"""Prompts from local files and from the package's own generator of problems."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness import prompts as prompt_texts
from ssd_harness.distill import prompt_tests
from ssd_harness.distill.contracts import Prompt, PromptTests
from ssd_harness.errors import UsageError
from ssd_harness.foreign_json import JsonError, parse
from ssd_harness.recipe import Recipe

TEXT_COLUMNS = ("messages", "prompt", "question", "problem", "instruction", "text")
"""Where a prompt is looked for, in this order, unless ``prompt_column`` says where."""
_ID_COLUMNS = ("id", "question_id", "prompt_id")
_ROLES = {"human": "user", "gpt": "assistant"}
_KNOWN_ROLES = ("user", "assistant", "system", "developer", "tool")
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
            # By default pyarrow reads a whole row group ahead, which may be the whole file.
            file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"not a Parquet file: {error}", where=path) from error

    yield from from_rows(rows(), recipe)


def generator(argument: str, recipe: Recipe) -> "Generated":
    """Draw problems of the families that ``livecodebench_mini`` is made of, none of which is in it."""
    from ssd_harness.problems import generator as problems

    if argument:
        what = f"the generator takes no argument, but {argument!r} is given"
        raise UsageError(what, next_step="give prompt_limit= for the number of prompts")
    count = recipe.prompt_limit or _DEFAULT_COUNT
    if count > problems.MOST:
        raise UsageError(
            f"the generator has no {count:,} different prompts: {problems.questions():,} different questions, and the "
            f"same in other words and with other examples",
            next_step=f"give prompt_limit={problems.MOST} or less",
        )
    return Generated(recipe.seed, count)


@dataclass(frozen=True, slots=True)
class Generated:
    """Prompts that are drawn as they are asked for."""

    seed: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Prompt]:
        """Draw them one by one."""
        from ssd_harness.problems import generator as problems

        for drawn in problems.prompts(seed=self.seed, count=self.count):
            cases = drawn.problem.public + drawn.problem.private
            inputs, outputs = tuple(case.input for case in cases), tuple(case.output for case in cases)
            tests = PromptTests(inputs, outputs, drawn.problem.function) if cases else None
            yield Prompt(drawn.id, (("user", drawn.text),), tests)


def from_rows(rows: Iterable[tuple[str, Any]], recipe: Recipe) -> Iterator[Prompt]:
    """Turn (where, row) pairs into prompts; a row is a mapping with the prompt's text or its chat messages.

    A column's name with dots leads into nested columns, unless a column has that very name. With ``starter_column`` the
    text is a programming problem's statement, and the prompt is what the evaluation would make of it.
    """
    with_tests = prompt_tests.wanted(recipe)
    for where, row in rows:
        if not isinstance(row, Mapping):
            raise UsageError("a prompt row must be an object", where=where)
        value, statement = _column(row, recipe, where), ""
        if recipe.starter_column:
            if not isinstance(value, str):
                raise UsageError("with starter_column= a prompt must be a text", where=where)
            statement = value
            starter = _text(_at(row, recipe.starter_column, where) or "", where)
            value = prompt_texts.render({"question_content": value, "starter_code": starter}).user
        messages = _messages(value, where)
        tests = prompt_tests.of_row(row, recipe, where) if with_tests else None
        yield Prompt(_identity(row, recipe, messages, where), messages, tests, statement)


def _column(row: Mapping[str, Any], recipe: Recipe, where: str) -> Any:
    if recipe.prompt_column:
        found = {recipe.prompt_column: _at(row, recipe.prompt_column, where)}
    else:
        found = {name: row[name] for name in TEXT_COLUMNS if name in row}
    if not found:
        what = f"no prompt in this row: looked for {', '.join(TEXT_COLUMNS)}, found {_names(row)}"
        raise UsageError(what, where=where, next_step="give prompt_column=")
    filled = (value for value in found.values() if (value.strip() if isinstance(value, str) else value))
    prompt = next(filled, None)
    if prompt is None:
        raise UsageError(f"the prompt in column {next(iter(found))!r} is empty", where=where, next_step="leave it out")
    return prompt


def _at(row: Mapping[str, Any], column: str, where: str) -> Any:
    """Return what stands in ``column``, which may be a path through nested columns: ``a.b`` or, in a list, ``a.0``."""
    if column in row:
        return row[column]
    value: Any = row
    for name in column.split("."):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            raise UsageError(f"this row has no column {column!r}, found {_names(row)}", where=where)
    return value


def _names(row: Mapping[str, Any]) -> str:
    return ", ".join(sorted(map(str, row))[:12]) or "nothing"


def _messages(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    """Return the turns; answers at the end are the data set's own, and the model gives its own in their place."""
    turns = [{"role": "user", "content": value}] if isinstance(value, str) else value
    try:
        messages = [(turn["role"], turn["content"]) for turn in turns]
    except (TypeError, KeyError):
        try:  # the other common form of a conversation
            messages = [(_ROLES.get(turn["from"], turn["from"]), turn["value"]) for turn in turns]
        except (TypeError, KeyError):
            messages = []
    if not messages or not all(isinstance(part, str) for turn in messages for part in turn):
        raise UsageError("a prompt is a text or a list of {role, content} messages", where=where)
    for _, content in messages:
        _text(content, where)
    while messages and messages[-1][0] == "assistant":
        messages.pop()
    if not messages:
        raise UsageError("a prompt must hold more than the assistant's turns", where=where)
    if strange := [role for role, _ in messages if role not in _KNOWN_ROLES]:
        what = f"no chat template knows the role {strange[0][:40]!r}"
        raise UsageError(what, where=where, next_step=f"write one of: {', '.join(_KNOWN_ROLES)}")
    if not any(content.strip() for _, content in messages):
        raise UsageError("the prompt is empty", where=where, next_step="leave the row out")
    return tuple(messages)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"starter code must be a text, not {type(value).__name__}", where=where)
    if any(0xD800 <= ord(character) < 0xE000 for character in value):
        raise UsageError("a prompt holds half a surrogate pair, which is no text", where=where)
    return value


def _identity(row: Mapping[str, Any], recipe: Recipe, messages: tuple[tuple[str, str], ...], where: str) -> str:
    if recipe.id_column:
        return _text(str(_at(row, recipe.id_column, where)), where)
    for name in _ID_COLUMNS:
        if isinstance(row.get(name), str | int):
            return _text(str(row[name]), where)
    # Named by its words, a prompt keeps its random numbers wherever it stands in the file.
    return hashlib.sha256(json.dumps(messages).encode()).hexdigest()[:16]


def _existing(argument: str) -> Path:
    with contextlib.suppress(OSError, RuntimeError):  # a name that is too long, a home of nobody's
        path = Path(argument).expanduser()
        if path.is_file():
            return path
    raise UsageError("no such prompt file", where=argument, next_step="give prompts= the path of one")


def _parsed(path: Path, lines: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield f"{path}, line {number}", parse(line)
        except JsonError as error:
            next_step = "a .jsonl file has one JSON object a line"
            raise UsageError(str(error), where=f"{path}, line {number}", next_step=next_step) from error
