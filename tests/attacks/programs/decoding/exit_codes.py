# Exits with an object for a status whose conversion lies, then with zero from a nested exit.
class Status(int):
    def __int__(self):
        raise SystemExit(0)

    __index__ = __bool__ = __int__

    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


def attack():
    raise SystemExit(Status(0))
