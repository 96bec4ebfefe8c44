"""Describe values that pydantic refuses in our own words: the expected value, and the given one.

This module does not import pydantic, so that it stays fast to import.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from ssd_harness.printable import printable

if TYPE_CHECKING:
    from pydantic import ValidationError

_LONGEST = 80
_KINDS = {
    "bool": "true or false",
    "dataclass": "an object",
    "date": "a date, YYYY-MM-DD",
    "dict": "an object",
    "float": "a number",
    "finite_number": "a number",
    "int": "an integer",
    "list": "a list",
    "mapping": "an object",
    "model": "an object",
    "scalar": "text, a number, true or false",
    "string": "text",
}
"""The expected kind of value, by the beginning of pydantic's name for the error."""
_NAMES = {dict: "an object"}


@dataclass(frozen=True, slots=True)
class Expected:
    """Describe the values of an annotated type, as in "expected WORDS, got 'x'"."""

    words: str


def expected_words(annotation: Any) -> str | None:
    """Return the words of the :class:`Expected` in an annotated type, however deep it is in unions."""
    for note in getattr(annotation, "__metadata__", ()):
        if isinstance(note, Expected):
            return note.words
    return next(filter(None, map(expected_words, get_args(annotation))), None)


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing that is wrong with a value."""

    path: tuple[str, ...]
    """Names of fields; ``[]`` stands for an item of a list."""
    kind: str
    """pydantic's name of the error."""
    expected: str
    value: Any

    @property
    def where(self) -> str:
        """The place, e.g. ``an item of rounds.losses``."""
        inner = printable(".".join(part for part in self.path if part != "[]"), _LONGEST)
        return f"an item of {inner}" if self.path[-1:] == ("[]",) else inner

    @property
    def words(self) -> str:
        """The expected and the given value."""
        given = "nothing" if self.kind == "missing" else shown(self.value)
        return f"expected {self.expected}, got {given}"


def first_problem(error: "ValidationError", expected: Mapping[str, str] | None = None) -> Problem:
    """Return the first problem of a validation; ``expected`` has the words for some of the outer fields."""
    detail = error.errors(include_url=False, include_context=True)[0]
    path = tuple("[]" if isinstance(part, int) else str(part) for part in detail["loc"])
    words = (expected or {}).get(path[0] if path else "") or _expected(detail)
    largest = (detail.get("ctx") or {}).get("le")
    if largest is not None and str(largest) not in words:
        words += f" of at most {largest}"
    return Problem(path, detail["type"], words, detail["input"])


def shown(value: Any) -> str:
    """Return a value for a message, short and on one line. Lists and objects may have no end: their kind is named."""
    if value is None:
        return "null"
    try:
        plain = isinstance(value, str | int | float)
        return printable(repr(value), _LONGEST) if plain else _NAMES.get(type(value), f"a {type(value).__name__}")
    except ValueError:  # hexadecimal numbers of YAML may have more digits than Python writes in decimal
        return "a number of too many digits"


def one_of(words: Sequence[str]) -> str:
    """Return choices as words: ``a, b or c``."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _expected(detail: Mapping[str, Any]) -> str:
    kind, context = str(detail["type"]), detail.get("ctx") or {}
    if kind == "literal_error":
        return str(context["expected"])
    if kind == "missing":
        return "a value"
    if "pattern" in context:
        return "letters, digits, dots, hyphens and underscores"
    return next((words for start, words in _KINDS.items() if kind.startswith(start)), "another value")
