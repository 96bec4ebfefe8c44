# Comes back to life in every finalizer and keeps the interpreter from ending.
class Phoenix:
    kept = []

    def __del__(self):
        Phoenix.kept.append(Phoenix())
        while True:
            pass


def attack():
    Phoenix.kept.append(Phoenix())
    Phoenix.kept.clear()
    return False
