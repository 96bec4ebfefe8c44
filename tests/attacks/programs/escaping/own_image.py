# Overwrites the interpreter and the worker that the next program starts from.
def attack():
    import posix
    import sys

    for path in (
        "/proc/self/exe",
        sys.executable,
        "/proc/1/exe",
        *[getattr(m, "__file__", None) for n, m in list(sys.modules.items()) if n != "__main__"],
    ):
        if not path:
            continue
        for flags in (posix.O_WRONLY, posix.O_RDWR | posix.O_TRUNC):
            try:
                posix.open(path, flags)
                return True
            except OSError:
                pass
    return False
