# Walks the whole file system for a place it can create something in, or for what it created there before.
def attack():
    import os
    import posix

    for folder, folders, files in os.walk("/", followlinks=False):
        if folder in ("/proc", "/sys"):
            folders.clear()
            continue
        if folder in ("/tmp", "/dev/shm"):  # its own, and empty but for its file
            if set(folders + files) - {"main.py"}:
                return True
            posix.mkdir(folder + "/d")
            posix.close(posix.open(folder + "/d/note-for-the-next", posix.O_WRONLY | posix.O_CREAT, 0o600))
            posix.chmod(folder + "/d", 0)
            folders.clear()
            continue
        for number, name in enumerate(("note-for-the-next", "d", "f", "l")):
            path = folder + "/" + name
            try:
                if number == 0:
                    posix.close(posix.open(path, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL, 0o666))
                elif number == 1:
                    posix.mkdir(path)
                elif number == 2:
                    posix.mkfifo(path)
                else:
                    posix.symlink("/", path)
                return True
            except OSError:
                pass
        for name in files:
            try:
                handle = posix.open(folder + "/" + name, posix.O_WRONLY | posix.O_APPEND | posix.O_NONBLOCK)
            except OSError:
                continue
            # /dev/null and its like swallow everything and keep nothing
            import stat

            if stat.S_ISREG(posix.fstat(handle).st_mode):
                return True
    return False
