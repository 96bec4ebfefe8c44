import _thread, time
_thread.start_new_thread(print, ("from a thread",))
time.sleep(0.2)
