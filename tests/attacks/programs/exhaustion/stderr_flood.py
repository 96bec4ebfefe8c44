# Prints for ever on the error output.
def attack():
    import posix

    line = b"\x1b[2JA" * 10000
    while True:
        posix.write(2, line)
