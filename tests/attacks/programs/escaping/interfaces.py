# Counts network interfaces that are not the loopback.
def attack():
    import posix

    try:
        handle = posix.open("/proc/net/dev", posix.O_RDONLY)
    except OSError:
        return False
    lines = posix.read(handle, 65536).decode().split("\n")[2:]
    names = {line.split(":")[0].strip() for line in lines if ":" in line}
    # tunnels without an address that kernels create by themselves in each namespace are no way out
    return bool({name for name in names if name.startswith(("eth", "en", "wl", "docker", "br-", "veth"))})
