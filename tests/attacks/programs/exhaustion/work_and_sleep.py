# Works long enough to look short of processors, then sleeps for ever.
def attack():
    import time

    while time.process_time() < 0.5:
        pass
    while True:
        time.sleep(3600)
