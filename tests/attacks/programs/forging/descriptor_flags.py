# Changes the flags, owner, size and offset of every descriptor that it may share with somebody.
def attack():
    import fcntl
    import posix

    for handle in range(0, 256):
        for command, value in (
            (fcntl.F_SETFL, posix.O_NONBLOCK | posix.O_ASYNC | posix.O_APPEND),
            (8, posix.getppid()),
            (10, 9),
            (1031, 4096),
            (1033, 15),
            (1024, 2),
        ):
            try:
                fcntl.fcntl(handle, command, value)
            except (OSError, OverflowError):
                pass
        for call in (
            lambda: posix.lseek(handle, 1 << 40, 0),
            lambda: posix.ftruncate(handle, 0),
            lambda: fcntl.flock(handle, 6),
        ):
            try:
                call()
            except OSError:
                pass
    return False
