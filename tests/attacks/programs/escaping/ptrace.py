# Attaches to its relatives as a debugger and reads and writes their memory.
def attack():
    import ctypes
    import posix

    libc = ctypes.CDLL(None, use_errno=True)

    class Part(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]

    room = ctypes.create_string_buffer(64)
    local = Part(ctypes.addressof(room), 64)
    for process in [posix.getppid(), 1, *range(2, 40)]:
        if process == posix.getpid():
            continue
        if libc.ptrace(16, process, 0, 0) == 0 or libc.ptrace(0x4206, process, 0, 0) == 0:
            return True
        for name in ("process_vm_readv", "process_vm_writev"):
            if getattr(libc, name)(process, ctypes.byref(local), 1, ctypes.byref(Part(0x400000, 64)), 1, 0) > 0:
                return True
    return False
