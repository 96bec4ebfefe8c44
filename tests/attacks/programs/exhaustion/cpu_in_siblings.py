# Burns its time in processes that are its parent's children instead of its own.
def attack():
    import ctypes
    import os
    import posix
    import time

    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    pid = ctypes.CDLL(None).syscall(number, 0x8000 | 17, 0, 0, 0, 0)
    if pid == 0:
        end = time.process_time() + 60
        while time.process_time() < end:
            pass
        posix._exit(0)
    return pid > 0
