# Floods every pipe or socket it holds without ever reading, for longer than the limit.
def attack():
    import posix

    handles = []
    for handle in range(3, 256):
        try:
            posix.set_blocking(handle, False)
            handles.append(handle)
        except OSError:
            pass
    while True:
        for handle in handles:
            try:
                posix.write(handle, b"\x41" * 65536)
            except OSError:
                pass
