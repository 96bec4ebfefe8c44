# Answers only if the environment of anything it can read holds the host's secret.
def attack():
    import os
    import posix

    texts = [repr(dict(os.environ)).encode()]
    for process in ("self", "1", str(posix.getppid()), *map(str, range(2, 60))):
        for name in ("environ", "cmdline"):
            try:
                handle = posix.open(f"/proc/{process}/{name}", posix.O_RDONLY)
                texts.append(posix.read(handle, 1 << 20))
            except OSError:
                pass
    mark = b"ssd-canary" + b"-secret"
    return any(mark in text for text in texts)
