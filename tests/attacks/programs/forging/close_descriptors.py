# Closes every descriptor.
def attack():
    import posix

    posix.closerange(0, 65536)
    return False
