"""Show a piece of hostile text: short, printable, on one line."""

_LENGTH = 60
_MESSAGE = 240


def excerpt(text: str, length: int = _LENGTH) -> str:
    """Return the start of ``text``, quoted, with everything that a terminal might obey escaped."""
    cut = text[:length]
    return ascii(cut) + ("…" if len(text) > length else "")


def printable(text: str, length: int = _MESSAGE) -> str:
    """Return the start of ``text`` on one line, without quotes, everything unprintable escaped."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:length])
    return shown + ("…" if len(text) > length else "")
