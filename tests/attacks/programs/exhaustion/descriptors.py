# Uses up every descriptor and leaves none for the report.
def attack():
    import posix

    global held
    held = []
    try:
        while True:
            held.append(posix.dup(0))
    except OSError:
        pass
    return False
