# Overwrites CPython's cached small integers, so that one is two.
def attack():
    import ctypes

    for number in (-1, 0, 1, 2, 3):
        digits = ctypes.cast(id(number) + 24, ctypes.POINTER(ctypes.c_uint32))
        digits[0] = 7
    return False
