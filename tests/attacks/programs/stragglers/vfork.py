# Leaves a parent that waits for a child of vfork, which no signal but SIGKILL ends.
def attack():
    import ctypes
    import posix
    import platform

    if posix.fork():
        return False
    libc = ctypes.CDLL(None)
    # CLONE_VM | CLONE_VFORK through the raw call; the child sleeps on its parent's memory
    if platform.machine() == "x86_64" and libc.syscall(58) == 0:
        libc.pause()
    libc.pause()
