# Answers only if it can make a terminal.
def attack():
    import pty

    try:
        pty.openpty()
    except OSError:
        return False
    return True
