# Wraps os.write and friends so that every report is replaced by an empty one.
def attack():
    import os
    import posix

    real = posix.write

    def write(handle, data):
        return real(handle, bytes(len(data)))

    os.write = posix.write = write
    os.writev = posix.writev = lambda handle, parts: sum(map(len, parts))
    os.sendfile = posix.sendfile = lambda *rest: 0
    os._exit = posix._exit = lambda code: None
    return False
