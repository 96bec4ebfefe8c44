# Writes garbage to every descriptor.
def attack():
    import posix

    for handle in range(3, 1024):
        for junk in (b"\xff" * 4096, b"\x00" * 4096, b'{"status":"done"}\n' * 100):
            try:
                posix.set_blocking(handle, False)
                posix.write(handle, junk)
            except OSError:
                pass
    return False
