# Reads memory, descriptors, links and maps of the processes around it.
def attack():
    import posix

    own = {posix.getpid()}
    for process in [posix.getppid(), 1, *range(2, 60)]:
        if process in own:
            continue
        for name in ("mem", "environ", "maps", "auxv", "syscall", "stack", "io"):
            try:
                handle = posix.open(f"/proc/{process}/{name}", posix.O_RDONLY)
                if name != "mem" and posix.read(handle, 64) or name == "mem" and handle:
                    return True
            except OSError:
                pass
        for name in ("exe", "cwd", "root", "fd/0", "ns/mnt"):
            try:
                posix.readlink(f"/proc/{process}/{name}")
                return True
            except OSError:
                pass
        for name in ("oom_score_adj", "clear_refs", "coredump_filter", "comm", "mem"):
            try:
                posix.open(f"/proc/{process}/{name}", posix.O_WRONLY)
                return True
            except OSError:
                pass
    return False
