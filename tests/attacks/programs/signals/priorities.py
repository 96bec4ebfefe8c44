# Raises its own priority, lowers everybody else's and asks for real-time scheduling.
def attack():
    import os
    import posix

    won = False
    for policy, level in ((posix.SCHED_FIFO, 50), (posix.SCHED_RR, 50)):
        try:
            posix.sched_setscheduler(0, policy, posix.sched_param(level))
            won = True
        except OSError:
            pass
    for target in (1, posix.getppid()):
        for call in (
            lambda: posix.setpriority(os.PRIO_PROCESS, target, 19),
            lambda: posix.sched_setaffinity(target, {0}),
            lambda: posix.sched_setscheduler(target, posix.SCHED_IDLE, posix.sched_param(0)),
        ):
            try:
                call()
                won = True
            except OSError:
                pass
    try:
        posix.setpriority(os.PRIO_PROCESS, 0, -20)
        won = True
    except OSError:
        pass
    return won
