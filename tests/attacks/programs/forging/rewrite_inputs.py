# Writes into the memory that holds the inputs, by write, by a shared map and by punching holes.
def attack():
    import ctypes
    import mmap
    import posix

    libc = ctypes.CDLL(None)
    touched = False
    for handle in range(3, 256):
        try:
            size = posix.fstat(handle).st_size
        except OSError:
            continue
        if not size or not posix.readlink(f"/proc/self/fd/{handle}").startswith("/memfd"):
            continue
        for flags in (posix.O_RDWR, posix.O_RDWR | posix.O_TRUNC):
            try:
                again = posix.open(f"/proc/self/fd/{handle}", flags)
                touched |= posix.pwrite(again, b"1\n0\n", 0) > 0
            except OSError:
                pass
        try:
            view = mmap.mmap(handle, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            view[:4] = b"1\n0\n"
            touched = True
        except (OSError, ValueError, PermissionError):
            pass
        libc.fallocate(handle, 3, ctypes.c_long(0), ctypes.c_long(size))
    # a program may scribble over what is its own, so success is judged by the next program's fate
    return False
