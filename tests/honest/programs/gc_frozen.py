import gc
class A:
    def __del__(self):
        print("gone")
a = A()
gc.freeze()
print(gc.get_freeze_count() > 0)
