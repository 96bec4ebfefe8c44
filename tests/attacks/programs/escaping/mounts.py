# Mounts, unmounts, changes its root and makes devices.
def attack():
    import ctypes
    import posix

    libc = ctypes.CDLL(None)
    if (
        libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0
        or libc.mount(b"none", b"/", None, 0x20 | 0x1000, None) == 0
    ):
        return True
    if libc.umount2(b"/proc", 2) == 0 or libc.umount2(b"/dev/mqueue", 2) == 0:
        return True
    for call in (lambda: posix.chroot("/proc"), lambda: posix.mknod("/tmp/d", 0o060666, posix.makedev(8, 0))):
        try:
            call()
            return True
        except OSError:
            pass
    # the newer interface: open_tree, fsopen, fspick
    return any(
        libc.syscall(number, *rest) >= 0
        for number, rest in ((428, (-100, b"/", 1)), (430, (b"tmpfs", 0)), (433, (-100, b"/", 0)))
    )
