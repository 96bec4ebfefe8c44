# Takes every kind of lock on files that all programs share; answers if it finds one of its own kind taken.
def attack():
    import fcntl
    import posix

    if posix.fork() == 0:
        while True:
            __import__("time").sleep(0.2)
    for path in ("/usr/bin/python3", "/dev/null", "/", "/dev", "/etc"):
        try:
            handle = posix.open(path, posix.O_RDONLY)
        except OSError:
            continue
        for operation in (lambda: fcntl.flock(handle, 6), lambda: fcntl.fcntl(handle, 1024, 0)):
            try:
                operation()
            except BlockingIOError:
                return True
            except OSError:
                pass
    return False
