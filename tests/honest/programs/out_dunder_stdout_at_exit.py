import atexit, sys
atexit.register(lambda: sys.__stdout__.write("at exit\n"))
sys.stdout = None
print("nothing")
