import threading, time
threading.Thread(target=lambda: time.sleep(5), daemon=True).start()
print("x")
