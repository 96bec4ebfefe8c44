"""Import the packages that the official scorer could import before it switched functions off."""

import contextlib
import importlib

NAMES = ("numpy", "pandas", "scipy", "sympy", "networkx", "numba")


def preload(source: bytes) -> None:
    """Import the packages that the program's text mentions: after the functions are switched off, numpy's import fails.

    Packages that it does not mention are left out: a zygote that imported numpy would make every fork a third slower.
    """
    for name in NAMES:
        if name.encode() in source:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
