# Burns CPU only in its children and sleeps itself.
def attack():
    import posix
    import time

    for _ in range(4):
        if posix.fork() == 0:
            while True:
                pass
    time.sleep(600)
