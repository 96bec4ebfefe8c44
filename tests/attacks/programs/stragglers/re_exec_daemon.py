# Leaves a daemon that becomes another program under another name.
def attack():
    import posix
    import sys

    if posix.fork() == 0:
        posix.setsid()
        if posix.fork() == 0:
            posix.execve(sys.executable or "/proc/self/exe", ["[kthreadd]", "-c", "while True: pass"], {})
        posix._exit(0)
    return False
