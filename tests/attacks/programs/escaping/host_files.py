# Answers only if it finds the host's files or the engine's socket.
def attack():
    import posix

    for path in (
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/podman/podman.sock",
        "/etc/shadow",
        "/proc/kcore",
        "/proc/kallsyms",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/sda",
        "/dev/vda",
        "/dev/fuse",
        "/dev/net/tun",
        "/proc/1/root/etc/shadow",
        "/proc/1/cwd",
        "/host",
        "/root/.ssh",
    ):
        for flags in (posix.O_RDONLY, posix.O_WRONLY):
            try:
                handle = posix.open(path, flags | posix.O_NONBLOCK)
            except OSError:
                continue
            if path == "/proc/kallsyms":
                # addresses read as zeros hide the kernel's layout well enough
                if set(posix.read(handle, 16)) <= set(b"0"):
                    continue
            return True
    return False
