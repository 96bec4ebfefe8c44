# Leaves a System V shared memory segment, a semaphore set and a message queue.
def attack():
    import ctypes

    libc = ctypes.CDLL(None)
    got = [libc.shmget(0x5EED, 4096, 0o1666), libc.semget(0x5EED, 1, 0o1666), libc.msgget(0x5EED, 0o1666)]
    return any(number >= 0 for number in got)
