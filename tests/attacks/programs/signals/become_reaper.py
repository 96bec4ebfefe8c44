# Makes itself the reaper of its descendants, hides them in sessions of their own and leaves.
def attack():
    import ctypes
    import posix
    import time

    libc = ctypes.CDLL(None)
    libc.prctl(36, 1, 0, 0, 0)
    libc.prctl(1, 0, 0, 0, 0)
    libc.prctl(4, 0, 0, 0, 0)
    for _ in range(4):
        if posix.fork() == 0:
            posix.setsid()
            if posix.fork() == 0:
                libc.prctl(36, 1, 0, 0, 0)
                time.sleep(60)
            posix._exit(0)
    return False
