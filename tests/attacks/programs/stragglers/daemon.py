# Leaves a daemon of a double fork that keeps the output open.
def attack():
    import posix
    import time

    if posix.fork() == 0:
        posix.setsid()
        if posix.fork() == 0:
            time.sleep(600)
        posix._exit(0)
    return False
