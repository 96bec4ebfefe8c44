# Makes its output a sparse file of a terabyte.
def attack():
    import posix

    for handle in (1, 2, *range(3, 64)):
        for size in (1 << 40, (1 << 62), 15 << 20):
            try:
                posix.ftruncate(handle, size)
            except (OSError, OverflowError):
                pass
    for handle in (1, 2):
        try:
            posix.pwrite(handle, b"x", 1 << 39)
        except OSError:
            pass
    return False
