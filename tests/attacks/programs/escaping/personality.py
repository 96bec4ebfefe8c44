# Switches off address randomisation and non-executable data for itself and what it starts.
def attack():
    import ctypes

    libc = ctypes.CDLL(None)
    libc.personality(0x0040000 | 0x0400000 | 0x0100000)
    while True:
        libc.sched_yield()
