"""Turn rows of data sets into prompts: plain text, chats, ShareGPT conversations, Alpaca rows or column templates."""

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ssd_harness import foreign_json
from ssd_harness import prompt_styles as prompt_texts
from ssd_harness.errors import UsageError
from ssd_harness.extensions.contracts import Prompt
from ssd_harness.prompts import prompt_tests
from ssd_harness.prompts.turns import Turns, read_turns, require_text
from ssd_harness.recipe.definition import Recipe

TEXT_COLUMNS = ("messages", "conversations", "conversation", "prompt", "question", "problem", "instruction", "text")
"""Columns that may hold the prompt, in this order, unless ``prompt_column`` or ``prompt_template`` is given."""
_ALPACA = ("input", "system", "history")
"""Columns that belong to an ``instruction``, apart from the answer."""
_ID_COLUMNS = ("id", "question_id", "prompt_id")
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_ESCAPES = {r"\n": "\n", r"\t": "\t", r"\\": "\\"}
_NAMED = 8
"""Maximum number of columns that a note names."""


class PromptRows:
    """The prompts in (where, row) pairs. Can be iterated over as often as ``rows`` can.

    A column name with dots selects a nested column, unless a column has exactly that name. With ``starter_column``, the
    text is the statement of a programming problem, which the recipe's prompt style words. After an iteration, ``notes``
    lists which parts of the rows are in no prompt.
    """

    def __init__(self, rows: Iterable[tuple[str, Any]], recipe: Recipe, count: int | None = None) -> None:
        self._rows, self._recipe, self._row_count = rows, recipe, count
        self._unread: Counter[str] = Counter()
        self._answers = 0

    def __iter__(self) -> Iterator[Prompt]:
        """Read the rows one by one."""
        with_tests = prompt_tests.wanted(self._recipe)
        for where, row in self._rows:
            if not isinstance(row, Mapping):
                raise UsageError("a prompt row must be a JSON object", where=where)
            value, read = _value(row, self._recipe, where)
            statement, problem = "", None
            if self._recipe.starter_column:
                if not isinstance(value, str):
                    raise UsageError("with starter_column=, a prompt must be text", where=where)
                starter = require_text(_at(row, self._recipe.starter_column, where) or "", where)
                statement = value
                problem = {"question_content": value, "starter_code": starter, "question_title": _title(row)}
                value = prompt_texts.render(problem).user  # the id is made from this wording, whatever the style
            turns = read_turns(value, where)
            turns = (
                _with_alpaca(turns, row, where) if read == "instruction" and not self._recipe.prompt_column else turns
            )
            self._count(row, read, turns)
            tests = prompt_tests.of_row(row, self._recipe, where) if with_tests else None
            identity = _identity(row, self._recipe, turns.messages, where)
            yield Prompt(identity, turns.messages, tests, statement, problem)

    def __length_hint__(self) -> int:
        """Return the number of rows that will be read, or 0 if it is unknown. Progress bars use it."""
        return min(self._row_count or 0, self._recipe.prompt_limit or sys.maxsize)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return one line for each kind of content that is in no prompt: columns, parts of turns, answers."""
        notes = []
        if self._unread:
            names = [f"{name!a} ({number:,})" for name, number in self._unread.most_common(_NAMED)]
            more = f" and {len(self._unread) - _NAMED:,} more" if len(self._unread) > _NAMED else ""
            notes.append(f"unused columns (number of rows): {', '.join(names)}{more}")
        if self._answers:
            rows = "1 row" if self._answers == 1 else f"{self._answers:,} rows"
            notes.append(f"ignored the final answers of {rows}; the model writes its own")
        return tuple(notes)

    def _count(self, row: Mapping[str, Any], read: str, turns: Turns) -> None:
        """Count what is left out, in bounded memory even if each row has different columns."""
        recipe = self._recipe
        mapped = {recipe.starter_column, recipe.id_column, recipe.tests_column, recipe.prompt_column}
        used = {name.split(".")[0] for name in mapped if name} | {name for name in mapped if name}
        used |= {read, *_ID_COLUMNS, *prompt_tests.TESTS_COLUMNS}
        used |= set(_ALPACA) if read == "instruction" else {"system"} if turns.with_system else set()
        used |= {name.split(".")[0] for name in columns_of(recipe.prompt_template or "")}
        used |= columns_of(recipe.prompt_template or "")
        unread = [name for name, value in row.items() if name not in used and value not in (None, "", [], {})]
        for name in [*(str(name)[:60] for name in unread), *turns.unread]:
            if name in self._unread or len(self._unread) < 1000:
                self._unread[name] += 1
        self._answers += turns.answers > 0


def columns_of(template: str) -> set[str]:
    """Return the column names in a ``prompt_template``."""
    return {match[1].strip() for match in _PLACE.finditer(template) if match[1] is not None}


def _value(row: Mapping[str, Any], recipe: Recipe, where: str) -> tuple[Any, str]:
    """Return the value that holds the prompt, and the name of its column."""
    if recipe.prompt_template:
        if not columns_of(recipe.prompt_template):
            raise UsageError(
                "prompt_template names no column", next_step="write {COLUMN} where the column's text belongs"
            )
        return _filled(recipe.prompt_template, row, where), ""
    if recipe.prompt_column:
        candidates = {recipe.prompt_column: _at(row, recipe.prompt_column, where)}
    else:
        candidates = {name: row[name] for name in TEXT_COLUMNS if name in row}
    if not candidates:
        what = f"no prompt in this row: expected one of the columns {', '.join(TEXT_COLUMNS)}, got {_names(row)}"
        raise UsageError(what, where=where, next_step="give prompt_column= or prompt_template=")
    for name, value in candidates.items():
        if value.strip() if isinstance(value, str) else value:
            if name.startswith("conversation") and isinstance(row.get("system"), str) and row["system"].strip():
                return {"system": row["system"], "turns": value}, name
            return value, name
    raise UsageError(
        f"the prompt in column {next(iter(candidates))!r} is empty", where=where, next_step="remove the row"
    )


def _filled(template: str, row: Mapping[str, Any], where: str) -> str:
    """Replace each {NAME} in the template with the text of that column, once."""
    template = re.sub(r"\\[nt\\]", lambda match: _ESCAPES[match[0]], template)

    def text(match: "re.Match[str]") -> str:
        if match[1] is None:
            return match[0][0]
        value = _at(row, match[1].strip(), where)
        if isinstance(value, list | Mapping):
            raise UsageError(f"column {match[1].strip()!r} of prompt_template does not hold text", where=where)
        return "" if value is None else value if isinstance(value, str) else str(value)

    filled = _PLACE.sub(text, template).strip()
    if not filled:
        raise UsageError("prompt_template gives an empty prompt for this row", where=where, next_step="remove the row")
    return filled


def _with_alpaca(turns: Turns, row: Mapping[str, Any], where: str) -> Turns:
    """Add the other columns of an Alpaca row: input, system message, earlier turns."""
    (role, text), *rest = turns.messages
    if rest or role != "user":
        return turns
    extra = row.get("input")
    if isinstance(extra, str) and extra.strip():
        text = f"{text}\n\n{require_text(extra, where)}"
    elif extra not in (None, "", [], {}) and not isinstance(extra, str):
        next_step = "give prompt_column= or prompt_template="
        raise UsageError("the column 'input' of an instruction does not hold text", where=where, next_step=next_step)
    before: list[tuple[str, str]] = []
    if isinstance(row.get("system"), str) and row["system"].strip():
        before.append(("system", require_text(row["system"], where)))
    for pair in row.get("history") or ():
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise UsageError("the column 'history' is not a list of [question, answer] pairs", where=where)
        before += [("user", require_text(pair[0], where)), ("assistant", require_text(pair[1], where))]
    return Turns((*before, (role, text)))


def _at(row: Mapping[str, Any], column: str, where: str) -> Any:
    """Return the value of ``column``, which may be a path to a nested one: ``a.b``, or ``a.0`` in a list."""
    if column in row:
        return row[column]
    value: Any = row
    for name in column.split("."):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and len(name) < 10 and int(name) < len(value):
            value = value[int(name)]
        else:
            raise UsageError(f"this row has no column {column!r}, only {_names(row)}", where=where)
    return value


def _title(row: Mapping[str, Any]) -> str:
    title = row.get("question_title")
    return str(title) if foreign_json.is_text(title) else ""


def _names(row: Mapping[str, Any]) -> str:
    return ", ".join(sorted(map(str, row))[:12]) or "nothing"


def _identity(row: Mapping[str, Any], recipe: Recipe, messages: tuple[tuple[str, str], ...], where: str) -> str:
    if recipe.id_column:
        return require_text(str(_at(row, recipe.id_column, where)), where)
    for name in _ID_COLUMNS:
        if isinstance(row.get(name), str | int):
            return require_text(str(row[name]), where)
    # An id made from the text keeps the random numbers of a prompt wherever it stands in the file.
    return hashlib.sha256(json.dumps(messages).encode()).hexdigest()[:16]
