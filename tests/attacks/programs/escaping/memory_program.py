# Runs a program from memory that is on no disk.
def attack():
    import ctypes
    import posix

    libc = ctypes.CDLL(None)
    handle = libc.memfd_create(b"x", 0)
    source = posix.open("/proc/self/exe", posix.O_RDONLY)
    while part := posix.read(source, 1 << 20):
        posix.write(handle, part)
    posix.execve(f"/proc/self/fd/{handle}", ["python3", "-c", "print(0); print(0)"], {})
