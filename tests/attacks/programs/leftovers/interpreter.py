# Leaves a note in every module, builtin and type that a shared interpreter would keep; answers if one is there already.
import builtins
import sys


def attack():
    import posix

    mine = str(posix.getpid()).encode()
    notes = (getattr(builtins, "note", mine), getattr(sys, "note", mine), posix.environ.get(b"NOTE", mine))
    builtins.note = sys.note = posix.environ[b"NOTE"] = mine
    posix.putenv(b"NOTE", mine)
    return any(note != mine for note in notes)
