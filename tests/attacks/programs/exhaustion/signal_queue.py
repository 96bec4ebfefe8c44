# Fills the queue of pending signals, timers and wake-ups of its uid, which its successors share.
def attack():
    import ctypes
    import posix

    libc = ctypes.CDLL(None)
    libc.sigprocmask(0, (ctypes.c_ulong * 16)(*[0xFFFFFFFF_FFFFFFFF] * 16), None)
    for number in range(20_000):
        libc.sigqueue(posix.getpid(), 34 + number % 30, ctypes.c_void_p(number))
    timer = ctypes.c_void_p()
    for _ in range(20_000):
        if libc.timer_create(0, None, ctypes.byref(timer)):
            break
    return False
