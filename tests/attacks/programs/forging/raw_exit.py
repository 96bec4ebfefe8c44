# Ends all its threads by the exit_group system call after flushing wrong output.
import sys


def attack():
    import ctypes
    import platform

    sys.stdout.flush()
    ctypes.CDLL(None).syscall({"x86_64": 231}.get(platform.machine(), 94), 0)
