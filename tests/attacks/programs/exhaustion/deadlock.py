# Leaves a thread that never ends and a lock that nobody opens.
def attack():
    import threading

    lock = threading.Lock()
    lock.acquire()
    threading.Thread(target=lock.acquire).start()
    lock.acquire()
