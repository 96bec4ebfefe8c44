# Takes over every timer and limit that a guard in the same process could use, then works for ever.
def attack():
    import signal
    import sys

    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    for number in (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGXCPU):
        signal.signal(number, lambda *rest: None)
    sys.modules.pop("resource", None)
    try:
        import resource

        for limit in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
            try:
                resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            except (OSError, ValueError):
                pass
    except ImportError:
        pass
    while True:
        pass
