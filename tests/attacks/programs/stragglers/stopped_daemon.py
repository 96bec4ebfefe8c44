# Leaves stopped and traced daemons, which do not die of ordinary signals.
def attack():
    import ctypes
    import posix

    for _ in range(3):
        if posix.fork() == 0:
            posix.setsid()
            ctypes.CDLL(None).ptrace(0, 0, 0, 0)
            while True:
                posix.kill(posix.getpid(), 19)
    return False
