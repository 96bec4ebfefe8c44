# Copies descriptors out of its relatives by pidfd_getfd.
def attack():
    import ctypes
    import posix

    libc = ctypes.CDLL(None)
    for process in (posix.getppid(), 1):
        try:
            handle = posix.pidfd_open(process)
        except OSError:
            continue
        for target in range(32):
            if libc.syscall(438, handle, target, 0) >= 0:
                return True
    return False
