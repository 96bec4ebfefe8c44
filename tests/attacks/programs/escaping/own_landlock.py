# Locks itself, and what it can reach of the slot, out of every file; answers only if that widened its view instead.
def attack():
    import ctypes
    import posix

    libc = ctypes.CDLL(None)
    for handled in (1 << 2, (1 << 13) - 1):
        attributes = ctypes.c_uint64(handled)
        ruleset = libc.syscall(444, ctypes.byref(attributes), 8, 0)
        if ruleset >= 0:
            libc.syscall(445, ruleset, 1, (ctypes.c_uint32 * 3)(4, 0, posix.open("/proc", posix.O_RDONLY)), 0)
            libc.syscall(446, ruleset, 0)
    for path in ("/proc/self/mountinfo", "/proc/1/status", "/proc/1/environ"):
        try:
            posix.open(path, posix.O_RDONLY)
        except OSError:
            continue
        return True
    return False
