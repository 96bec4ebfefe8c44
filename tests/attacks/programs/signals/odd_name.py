# Names itself so that a reader of /proc/PID/stat takes the name for the rest of the line.
def attack():
    import ctypes
    import threading

    libc = ctypes.CDLL(None)
    for name in (b") Z 0 0 0 0 0", b"x) R 1 1\n0 0", b"zygote", b"\xff\xfe\n\x1b[2J"):
        libc.prctl(15, name, 0, 0, 0)

    def spin():
        while True:
            pass

    threading.Thread(target=spin).start()
    while True:
        pass
