# Waits for input that never comes, on every descriptor.
def attack():
    import posix
    import select

    inner, outer = posix.pipe()
    for handle in range(3, 64):
        try:
            posix.set_blocking(handle, True)
        except OSError:
            pass
    while True:
        select.select([inner], [], [])
        posix.read(inner, 1)
