"""``field=value`` arguments on a command line: the fields of a recipe."""

import argparse
from collections.abc import Sequence
from typing import Any

from ssd_harness.errors import UsageError


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare the model."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a Hub id, a local folder, demo (the embedded model), or ssd:NAME (a registered checkpoint)",
    )


def add_fields(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Declare any number of ``field=value`` arguments."""
    parser.add_argument("fields", nargs="*", default=[], metavar="field=value", help=meaning)


def count(word: str) -> int:
    """Parse a positive integer for argparse."""
    if not word.isascii() or not word.isdecimal() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"expected a positive integer, got {word!r}")
    return int(word)


def overrides_of(words: Sequence[str]) -> dict[str, Any]:
    """Return the fields and values in ``words``. Raises :class:`UsageError` for another word or a repeated field."""
    overrides: dict[str, Any] = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise UsageError(f"expected field=value, got {word!r}")
        if name in overrides:
            raise UsageError(f"the field {name} is given twice", next_step="give it once")
        overrides[name] = value
    return overrides
