# Makes system calls by the 32-bit and x32 conventions, whose numbers a careless filter misreads.
def attack():
    import ctypes
    import mmap
    import platform

    if platform.machine() != "x86_64":
        return False
    libc = ctypes.CDLL(None)
    # x32: bit 30 of the number; 41 is socket
    if libc.syscall(0x40000000 | 41, 2, 1, 0) >= 0:
        return True
    # int 0x80: 359 is socket there
    code = b"\x53\xb8\x67\x01\x00\x00\xbb\x02\x00\x00\x00\xb9\x01\x00\x00\x00\xba\x00\x00\x00\x00\xcd\x80\x5b\xc3"
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)() >= 0
