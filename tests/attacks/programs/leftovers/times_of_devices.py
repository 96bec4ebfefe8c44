# Leaves a mark in the times of folders, links and devices; answers if it finds the mark of its own kind.
def attack():
    import posix

    mark = 1_111_111_111
    found = False
    for path in (
        "/dev",
        "/dev/null",
        "/dev/stdin",
        "/dev/fd",
        "/tmp",
        "/",
        "/etc",
        "/usr/bin/python3",
        "/proc/self/fd/0",
    ):
        try:
            about = posix.stat(path, follow_symlinks=False)
            found |= int(about.st_mtime) == mark or int(about.st_atime) == mark
            posix.utime(path, times=(mark, mark), follow_symlinks=False)
        except OSError:
            pass
        try:
            with open(path, "rb+", buffering=0) as file:
                posix.utime(file.fileno(), times=(mark, mark))
        except OSError:
            pass
    return found
