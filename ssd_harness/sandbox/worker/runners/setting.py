"""Set up the interpreter as it is when the official scorer loads a program, stdin and functional alike."""

from typing import Any

from . import preloaded, prelude, streams, switched_off

_MODULE = "tmp_sol"
_streams: list[streams.Streams] = []


def prepare() -> None:
    """Prepare what every program needs; forks inherit it."""
    prelude.prepare()
    switched_off.prepare()
    if not _streams:  # descriptors 0 to 2 are /dev/null, here as in the program
        _streams.append(streams.open_streams())


def enter(source: bytes) -> dict[str, Any]:
    """Set this process up for the program; return the module namespace to run it in."""
    prepare()
    _streams[0].install()
    preloaded.preload(source)
    switched_off.switch_off()
    prelude.raise_limits()
    names = prelude.namespace(_MODULE)
    names.update(quit=None, help=None)
    return names
