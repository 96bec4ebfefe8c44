import weakref
class A: pass
a = A()
r = weakref.ref(a, lambda _: print("gone"))
del a
