# Points every descriptor it has at every other one, then prints.
def attack():
    import posix

    for source in (0, 1, 2):
        for target in range(3, 256):
            try:
                posix.dup2(source, target)
            except OSError:
                pass
    return False
