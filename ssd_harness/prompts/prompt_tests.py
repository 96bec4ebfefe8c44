"""Read the tests of prompts, in the formats of data sets of programming problems."""

import json
from collections.abc import Mapping
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Filter
from ssd_harness.extensions.contracts import PromptTests
from ssd_harness.foreign_json import parse
from ssd_harness.recipe.definition import Recipe

TESTS_COLUMNS = ("tests", "test_cases", "input_output")
"""Columns that may hold tests, in this order, unless ``tests_column`` is given."""
_FUNCTION_NAMES = ("fn_name", "function", "func_name")


def wanted(recipe: Recipe) -> bool:
    """Whether the recipe's filter needs tests; if not, they are not read and not part of the prompt set."""
    return plugin_manager.lookup(Filter, recipe.filter.partition(":")[0]).needs_tests


def of_row(row: Mapping[str, Any], recipe: Recipe, where: str) -> PromptTests | None:
    """Return a row's tests, or None if it has none.

    The column holds ``[{"input", "output"}, ...]`` or ``{"inputs": [...], "outputs": [...], "fn_name"}``, as values or
    as JSON text. If there is a function (``fn_name`` there, or ``fn_name``, ``function`` or ``func_name`` in the row),
    each input is a list of arguments, or text with one JSON value per line. Raises :class:`UsageError` for anything
    else.
    """
    names = (recipe.tests_column,) if recipe.tests_column else TESTS_COLUMNS
    value = next((row[name] for name in names if row.get(name)), None)
    if value is None:
        if recipe.tests_column and recipe.tests_column not in row:
            others = ", ".join(sorted(map(str, row))[:12])
            raise UsageError(f"this row has no column {recipe.tests_column!r}, only {others}", where=where)
        return None
    try:
        content = parse(value) if isinstance(value, str) else value
        if isinstance(content, Mapping):
            inputs, outputs = content["inputs"], content["outputs"]
        else:
            inputs, outputs = [test["input"] for test in content], [test["output"] for test in content]
            content = {}
        function = next(
            (str(source[name]) for source in (content, row) for name in _FUNCTION_NAMES if source.get(name)), None
        )
        pairs = list(zip(inputs, outputs, strict=True))
        if not pairs:
            return None
        if function:
            return PromptTests(tuple(map(_arguments, inputs)), tuple(map(_value, outputs)), function)
        return PromptTests(tuple(map(_lines, inputs)), tuple(map(_lines, outputs)))
    except (TypeError, KeyError, ValueError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"cannot read the tests of this row: {type(error).__name__}: {error}",
            where=where,
            next_step='write [{"input": ..., "output": ...}, ...], or give another tests_column=',
        ) from error


def _lines(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    if not isinstance(value, str):
        raise TypeError(f"standard input and output must be text, not {type(value).__name__}")
    return value


def _arguments(value: Any) -> str:
    return "\n".join(map(json.dumps, value)) if isinstance(value, list) else _value(value)


def _value(value: Any) -> str:
    """Return ``value`` as JSON text; JSON text stays as it is."""
    if isinstance(value, str):
        try:
            for line in value.split("\n"):
                parse(line)
        except ValueError:
            return json.dumps(value)
        return value
    return json.dumps(value)
