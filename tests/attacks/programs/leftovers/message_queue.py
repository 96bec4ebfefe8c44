# Leaves a POSIX message queue or finds one.
def attack():
    import ctypes

    for name in ("librt.so.1", None):
        library = ctypes.CDLL(name)
        if hasattr(library, "mq_open"):
            return library.mq_open(b"/note", 0o102, 0o666, None) >= 0
    return False
