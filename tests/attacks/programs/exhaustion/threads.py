# Starts threads until it cannot, and leaves them running.
def attack():
    import threading
    import time

    try:
        while True:
            threading.Thread(target=time.sleep, args=(600,), daemon=False).start()
    except BaseException:
        pass
    return False
