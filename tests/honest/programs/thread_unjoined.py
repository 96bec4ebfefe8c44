import threading, time
def work():
    time.sleep(0.1)
    print("late")
threading.Thread(target=work).start()
