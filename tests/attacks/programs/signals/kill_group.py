# Kills and stops its process group.
def attack():
    import posix

    posix.kill(0, 15)
    posix.killpg(posix.getpgid(0), 9)
    return False
