# Answers only if it can read how much CPU time another process, or the whole machine, has used.
def attack():
    import ctypes

    libc, room = ctypes.CDLL(None), ctypes.create_string_buffer(512)
    for number in range(1, 64):
        for kind in range(8):
            if libc.clock_gettime((~number << 3) | kind, room) == 0:
                return True
            if libc.syscall(228, (~number << 3) | kind, room) == 0 and libc.getpid() != number:
                return True
    return libc.sysinfo(room) == 0
