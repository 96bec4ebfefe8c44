# Stops itself and waits to be continued.
def attack():
    import posix

    posix.kill(posix.getpid(), 19)
    return False
