import threading
local = threading.local()
class A:
    def __del__(self):
        print("local gone")
local.a = A()
