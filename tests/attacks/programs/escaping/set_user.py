# Becomes root or another slot's user by every call there is.
def attack():
    import posix

    calls = [
        lambda: posix.setuid(0),
        lambda: posix.setgid(0),
        lambda: posix.seteuid(0),
        lambda: posix.setegid(0),
        lambda: posix.setresuid(0, 0, 0),
        lambda: posix.setresgid(0, 0, 0),
        lambda: posix.setreuid(0, 0),
        lambda: posix.setgroups([0]),
        lambda: posix.setresuid(posix.getuid() + 1, -1, -1),
        lambda: posix.setuid(posix.getuid() + 1),
    ]
    for call in calls:
        try:
            call()
            return True
        except OSError:
            pass
    return 0 in (
        posix.getuid(),
        posix.geteuid(),
        posix.getgid(),
        *posix.getresuid(),
        *posix.getresgid(),
        *posix.getgroups(),
    )
