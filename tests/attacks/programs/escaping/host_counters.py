# Answers only if it can read what the machine, the slot's control group or the worker counts, or how the host was started.
def attack():
    import posix

    paths = (
        "/proc/cmdline /proc/stat /proc/loadavg /proc/vmstat /proc/meminfo /proc/1/io "
        "/sys/fs/cgroup/memory/memory.max_usage_in_bytes /sys/fs/cgroup/memory.peak /sys/fs/cgroup/cpu.stat "
        "/sys/fs/cgroup/cpuacct/cpuacct.usage /proc/1/environ"
    )
    for path in paths.split():
        try:
            handle = posix.open(path, posix.O_RDONLY)
            if posix.read(handle, 100):
                return True
        except OSError:
            pass
    return False
