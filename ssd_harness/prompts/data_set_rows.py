"""Rows of data sets as prompts: plain texts, chats, ShareGPT conversations, Alpaca rows, or a template of columns."""

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
"""Where a prompt is looked for, in this order, unless ``prompt_column`` or ``prompt_template`` says where."""
_ALPACA = ("input", "system", "history")
"""What belongs to an ``instruction``, beside the answer."""
_ID_COLUMNS = ("id", "question_id", "prompt_id")
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_ESCAPES = {r"\n": "\n", r"\t": "\t", r"\\": "\\"}
_NAMED = 8
"""As many columns as a note names."""


class PromptRows:
    """Prompts made of (where, row) pairs; iterating again is up to ``rows``.

    A column's name with dots leads into nested columns, unless a column has that very name. With ``starter_column`` the
    text is a programming problem's statement, which the recipe's prompt style puts into its words. ``notes`` says,
    once they have been iterated over, what of the rows is in no prompt.
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
                raise UsageError("a prompt row must be an object", where=where)
            value, read = _value(row, self._recipe, where)
            statement, problem = "", None
            if self._recipe.starter_column:
                if not isinstance(value, str):
                    raise UsageError("with starter_column= a prompt must be a text", where=where)
                starter = require_text(_at(row, self._recipe.starter_column, where) or "", where)
                statement = value
                problem = {"question_content": value, "starter_code": starter, "question_title": _title(row)}
                value = prompt_texts.render(problem).user  # names it, whatever the prompt style
            turns = read_turns(value, where)
            turns = (
                _with_alpaca(turns, row, where) if read == "instruction" and not self._recipe.prompt_column else turns
            )
            self._count(row, read, turns)
            tests = prompt_tests.of_row(row, self._recipe, where) if with_tests else None
            identity = _identity(row, self._recipe, turns.messages, where)
            yield Prompt(identity, turns.messages, tests, statement, problem)

    def __length_hint__(self) -> int:
        """Return how many rows will be read, 0 where nobody knows: what a progress line counts up to."""
        return min(self._row_count or 0, self._recipe.prompt_limit or sys.maxsize)

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what of the rows is in no prompt: columns, parts of turns, answers."""
        found = []
        if self._unread:
            names = [f"{name!a} ({number:,})" for name, number in self._unread.most_common(_NAMED)]
            more = f" and {len(self._unread) - _NAMED:,} more" if len(self._unread) > _NAMED else ""
            found.append(f"not read of the rows: {', '.join(names)}{more}")
        if self._answers:
            found.append(f"answers at the end of {self._answers:,} rows are left out: the model gives its own")
        return tuple(found)

    def _count(self, row: Mapping[str, Any], read: str, turns: Turns) -> None:
        """Count what is left out; memory stays flat even if each row has columns of its own."""
        recipe = self._recipe
        mapped = {recipe.starter_column, recipe.id_column, recipe.tests_column, recipe.prompt_column}
        known = {name.split(".")[0] for name in mapped if name} | {name for name in mapped if name}
        known |= {read, *_ID_COLUMNS, *prompt_tests.TESTS_COLUMNS}
        known |= set(_ALPACA) if read == "instruction" else {"system"} if turns.with_system else set()
        known |= {name.split(".")[0] for name in columns_of(recipe.prompt_template or "")}
        known |= columns_of(recipe.prompt_template or "")
        unread = [name for name, value in row.items() if name not in known and value not in (None, "", [], {})]
        for name in [*(str(name)[:60] for name in unread), *turns.unread]:
            if name in self._unread or len(self._unread) < 1000:
                self._unread[name] += 1
        self._answers += turns.answers > 0


def columns_of(template: str) -> set[str]:
    """Return the columns that ``prompt_template`` names."""
    return {found[1].strip() for found in _PLACE.finditer(template) if found[1] is not None}


def _value(row: Mapping[str, Any], recipe: Recipe, where: str) -> tuple[Any, str]:
    """Return what the prompt is made of, and the name of its column."""
    if recipe.prompt_template:
        if not columns_of(recipe.prompt_template):
            raise UsageError("prompt_template names no column", next_step="write {COLUMN} where its text belongs")
        return _filled(recipe.prompt_template, row, where), ""
    if recipe.prompt_column:
        found = {recipe.prompt_column: _at(row, recipe.prompt_column, where)}
    else:
        found = {name: row[name] for name in TEXT_COLUMNS if name in row}
    if not found:
        what = f"no prompt in this row: looked for {', '.join(TEXT_COLUMNS)}, found {_names(row)}"
        raise UsageError(what, where=where, next_step="give prompt_column= or prompt_template=")
    for name, value in found.items():
        if value.strip() if isinstance(value, str) else value:
            if name.startswith("conversation") and isinstance(row.get("system"), str) and row["system"].strip():
                return {"system": row["system"], "turns": value}, name
            return value, name
    raise UsageError(f"the prompt in column {next(iter(found))!r} is empty", where=where, next_step="leave it out")


def _filled(template: str, row: Mapping[str, Any], where: str) -> str:
    """Put columns into the template, each in the place of its {name}; what they hold is not looked at again."""
    template = re.sub(r"\\[nt\\]", lambda found: _ESCAPES[found[0]], template)

    def text(found: "re.Match[str]") -> str:
        if found[1] is None:
            return found[0][0]
        value = _at(row, found[1].strip(), where)
        if isinstance(value, list | Mapping):
            raise UsageError(f"column {found[1].strip()!r} of prompt_template is no text", where=where)
        return "" if value is None else value if isinstance(value, str) else str(value)

    filled = _PLACE.sub(text, template).strip()
    if not filled:
        raise UsageError("prompt_template makes an empty prompt of this row", where=where, next_step="leave it out")
    return filled


def _with_alpaca(turns: Turns, row: Mapping[str, Any], where: str) -> Turns:
    """Add what an Alpaca row keeps beside its instruction: input, system message, earlier turns."""
    (role, text), *rest = turns.messages
    if rest or role != "user":
        return turns
    given = row.get("input")
    if isinstance(given, str) and given.strip():
        text = f"{text}\n\n{require_text(given, where)}"
    elif given not in (None, "", [], {}) and not isinstance(given, str):
        next_step = "give prompt_column= or prompt_template="
        raise UsageError("column 'input' beside 'instruction' is no text", where=where, next_step=next_step)
    before: list[tuple[str, str]] = []
    if isinstance(row.get("system"), str) and row["system"].strip():
        before.append(("system", require_text(row["system"], where)))
    for pair in row.get("history") or ():
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(one, str) for one in pair):
            raise UsageError("column 'history' is no list of [question, answer] pairs", where=where)
        before += [("user", require_text(pair[0], where)), ("assistant", require_text(pair[1], where))]
    return Turns((*before, (role, text)))


def _at(row: Mapping[str, Any], column: str, where: str) -> Any:
    """Return what stands in ``column``, which may be a path through nested columns: ``a.b`` or, in a list, ``a.0``."""
    if column in row:
        return row[column]
    value: Any = row
    for name in column.split("."):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and len(name) < 10 and int(name) < len(value):
            value = value[int(name)]
        else:
            raise UsageError(f"this row has no column {column!r}, found {_names(row)}", where=where)
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
    # Named by its words, a prompt keeps its random numbers wherever it stands in the file.
    return hashlib.sha256(json.dumps(messages).encode()).hexdigest()[:16]
