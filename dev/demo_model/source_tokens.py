"""Change single tokens of a Python program and leave its layout as it is."""

import io
import tokenize
from collections.abc import Callable


def replace_tokens(source: str, replace: Callable[[tokenize.TokenInfo], str]) -> str:
    """Put ``replace(token)`` in the place of every name, number and operator of ``source``."""
    lines = source.splitlines(keepends=True)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    kept = [token for token in tokens if token.type in {tokenize.NAME, tokenize.NUMBER, tokenize.OP}]
    new = [replace(token) for token in kept]
    for token, text in reversed(list(zip(kept, new, strict=True))):
        row, start, end = token.start[0] - 1, token.start[1], token.end[1]
        lines[row] = lines[row][:start] + text + lines[row][end:]
    return "".join(lines)
