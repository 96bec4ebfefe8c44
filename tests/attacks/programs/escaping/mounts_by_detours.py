# Answers only if some detour leads to a file that names the host's folders, or to one of the worker's processes.
def attack():
    import posix

    def readable(handle):
        try:
            return bool(posix.read(handle, 100))
        except OSError:
            return False

    path_only = 0o10000000
    names = ("mountinfo", "mounts", "mountstats", "task/1/mountinfo", "net/../mountinfo")
    roots = ("/proc/self", "/proc/thread-self", "/proc/1", "/proc/self/root/proc/1", "/proc/self/cwd/proc/self")
    for root in (*roots, "/dev/fd/../", "/proc/self/task/" + str(posix.getpid())):
        for name in names:
            for flags in (posix.O_RDONLY, posix.O_RDONLY | posix.O_NONBLOCK):
                try:
                    if readable(posix.open(root + "/" + name, flags)):
                        return True
                except OSError:
                    pass
            try:
                folder = posix.open(root, path_only)
                if readable(posix.open(name, posix.O_RDONLY, dir_fd=folder)):
                    return True
            except OSError:
                pass
            try:
                handle = posix.open(root + "/" + name, path_only)
                if readable(posix.open("/proc/self/fd/%d" % handle, posix.O_RDONLY)):
                    return True
            except OSError:
                pass
    return False
