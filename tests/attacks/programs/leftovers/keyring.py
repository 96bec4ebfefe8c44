# Leaves a key in the user's, session's and process keyrings, or finds one.
def attack():
    import ctypes
    import platform

    add, request = {"x86_64": (248, 249)}.get(platform.machine(), (217, 218))
    syscall = ctypes.CDLL(None).syscall
    for ring in (-3, -4, -5):
        if syscall(add, b"user", b"note-for-the-next", b"owned", 5, ring) >= 0:
            return True
    return syscall(request, b"user", b"note-for-the-next", None, 0) >= 0
