"""The names that LiveCodeBench programs may use without an import, prepared once in the zygote."""

import sys
from typing import Any

STAR_IMPORTS = """
string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json
builtins typing
""".split()  # noqa: SIM905 - a list of 18 strings is harder to read
"""``from M import *`` for each, in this order: later modules shadow the names of earlier ones."""

PLAIN_IMPORTS = STAR_IMPORTS[:-2]
"""Then ``import M``, for all but builtins and typing."""

RECURSION_LIMIT = 50_000
DIGITS_LIMIT = 50_000

_names: dict[str, Any] = {}


def prepare() -> None:
    """Run the prelude once; children inherit its namespace."""
    if _names:
        return
    _restore_site_builtins()
    lines = [f"from {module} import *" for module in STAR_IMPORTS] + [f"import {module}" for module in PLAIN_IMPORTS]
    exec("\n".join(lines), _names)
    for name in ("__builtins__", "stdin", "stdout", "stderr"):  # a reference would keep the streams alive at exit
        del _names[name]


def namespace(name: str) -> dict[str, Any]:
    """Return the prelude as the namespace of a module called ``name``, bound to the current standard streams.

    It is the prepared namespace, not a copy: a process runs one program, and a copy would touch every object in it.
    """
    prepare()
    _names.update(__name__=name, stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr)
    return _names


def raise_limits() -> None:
    """Set the recursion and digits limits for programs."""
    sys.setrecursionlimit(RECURSION_LIMIT)
    sys.set_int_max_str_digits(DIGITS_LIMIT)


def _restore_site_builtins() -> None:
    """Define ``exit`` and ``quit`` in an interpreter that was started without ``site``."""
    import _sitebuiltins
    import builtins

    for name in ("exit", "quit"):
        if not hasattr(builtins, name):
            setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
