# Runs whatever other programs there are: shells, compilers, package managers, mount tools.
def attack():
    import posix

    for path in ("/bin/sh", "/bin/bash", "/usr/bin/perl", "/bin/su", "/usr/bin/apt", "/sbin/ldconfig", "/bin/mount"):
        try:
            pid = posix.fork()
        except OSError:
            break
        if pid == 0:
            try:
                posix.execve(path, [path, "-c", "kill -9 -1; kill -9 $PPID; id -u"], {})
            except OSError:
                pass
            posix._exit(1)
        posix.waitpid(pid, 0)
    return False
