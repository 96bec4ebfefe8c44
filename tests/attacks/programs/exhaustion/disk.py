# Fills every place that it can write to; two folders of 64 MiB are its own.
def attack():
    import os
    import posix

    block = bytes(1 << 20)
    written = 0
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
            handle = posix.open(folder + "/fill", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError:
            continue
        try:
            for _ in range(4096):
                written += posix.write(handle, block)
        except OSError:
            pass
    return written > 128 << 20
