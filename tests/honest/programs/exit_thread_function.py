import _thread
print("x")
_thread.exit()
