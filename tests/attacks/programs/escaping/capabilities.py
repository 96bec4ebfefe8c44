# Answers only if it holds a capability, may gain one, or runs without a filter.
def attack():
    import posix

    handle = posix.open("/proc/self/status", posix.O_RDONLY)
    lines = dict(line.split(":\t", 1) for line in posix.read(handle, 65536).decode().split("\n") if ":\t" in line)
    gained = any(int(lines[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"))
    return gained or lines.get("NoNewPrivs") == "0" or lines.get("Seccomp") == "0"
