# Dies of a segmentation fault while it claims success.
def attack():
    import ctypes

    ctypes.string_at(1)
