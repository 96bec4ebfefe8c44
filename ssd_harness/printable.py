"""Text from models, programs and files, as it may be shown on a terminal."""

import sys


def accept_any_text() -> None:
    """Let standard output and error escape what their encoding lacks, instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def printable(text: object, longest: int = 500) -> str:
    """Return ``text`` on one line: what a terminal would obey is written out, and no more than ``longest`` stays."""
    shown = escaped(" ".join(str(text).split())[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def escaped(text: str) -> str:
    """Return ``text`` with everything written out that a terminal would obey; blanks stay as they are."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
