# Sleeps for ever.
def attack():
    import time

    while True:
        time.sleep(3600)
