import gc
gc.disable()
a = [[i] for i in range(1000)]
print(len(a), gc.isenabled())
