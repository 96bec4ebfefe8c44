"""Make text from models, programs and files safe to show on a terminal."""

import sys


def accept_any_text() -> None:
    """Make standard output and error escape characters that their encoding lacks, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def printable(text: object, longest: int = 500) -> str:
    """Return ``text`` on one line of at most ``longest`` characters, control characters escaped."""
    line = escaped(" ".join(str(text).split())[: longest + 1])
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def excerpt(text: str, longest: int = 60) -> str:
    """Return the first ``longest`` characters of ``text`` as a quoted ASCII literal."""
    return ascii(text[:longest]) + ("…" if len(text) > longest else "")


def escaped(text: str) -> str:
    """Return ``text`` with control and other unprintable characters escaped; spaces stay."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its type if the message is empty."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
