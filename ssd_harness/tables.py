"""Tables as plain text and as Markdown, drawn by tabulate. Cells are hostile text: each is escaped onto one line."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ssd_harness.printable import printable

_LONGEST_CELL = 2000


def text_table(
    rows: Iterable[Sequence[Any]], header: Sequence[str] = (), *, right: Iterable[int] = (), rule: bool = True
) -> str:
    """Return ``rows`` as aligned text, a line a row; the columns in ``right`` are aligned to the right.

    The header comes first, and below it a line of dashes if there is to be a ``rule``.
    """
    from tabulate import tabulate

    cells = [[_cell(value) for value in row] for row in rows]
    if not cells and not header:
        return ""
    columns = len(header) or max(map(len, cells))
    aligned = set(right)
    text = tabulate(
        cells,
        headers=[_cell(name) for name in header],
        tablefmt="simple" if header and rule else "plain",
        colalign=["right" if column in aligned else "left" for column in range(columns)],
        disable_numparse=True,
        preserve_whitespace=True,
    )
    return "\n".join(line.rstrip() for line in text.splitlines())


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table. A cell may hold markup, but cannot end itself or its row."""
    from tabulate import tabulate

    cells = [[re.sub(r"(?<!\\)\|", r"\\|", _cell(value)) for value in row] for row in rows]
    return str(tabulate(cells, headers=list(header), tablefmt="github", stralign=None, disable_numparse=True))


def markdown_text(value: Any) -> str:
    """Return a value on one line, with everything escaped that Markdown would take for markup."""
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text)[:500]


def _cell(value: Any) -> str:
    return printable(value, _LONGEST_CELL)
