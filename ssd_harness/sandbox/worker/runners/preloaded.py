"""Packages that the official scorer's process had imported, or could import, before it switched functions off."""

import contextlib
import importlib

NAMES = ("numpy", "pandas", "scipy", "sympy", "networkx", "numba")


def preload(source: bytes) -> None:
    """Import what the text of the program mentions; with the switched-off functions, imports like numpy's fail.

    Only what is mentioned: a zygote that had imported numpy would make every fork a third slower.
    """
    for name in NAMES:
        if name.encode() in source:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
