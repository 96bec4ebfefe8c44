# Answers only if a System V object was left behind.
def attack():
    import ctypes

    libc = ctypes.CDLL(None)
    return libc.shmget(0x5EED, 0, 0) >= 0 or libc.semget(0x5EED, 0, 0) >= 0 or libc.msgget(0x5EED, 0) >= 0
