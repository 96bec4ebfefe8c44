# Marks the open files that it finds at its start, and answers only if an earlier program has marked one.
def attack():
    import ctypes

    libc = ctypes.CDLL(None)
    get_owner, set_owner, get_signal, set_signal, get_flags, set_flags = 9, 8, 11, 10, 3, 4
    found = False
    for handle in (0, 1, 2, 62, 63):
        found = found or libc.fcntl(handle, get_owner) > 0 or libc.fcntl(handle, get_signal) > 0
    for handle in (0, 1, 2, 62, 63):
        libc.fcntl(handle, set_owner, libc.getpid())
        libc.fcntl(handle, set_signal, 40)
        libc.fcntl(handle, set_flags, libc.fcntl(handle, get_flags) | 0o2000)
    return found
