from multiprocessing import Array, Process, Value
def work(v, a):
    with v.get_lock():
        v.value += 1
    a[0] = 7
v, a = Value("i", 0), Array("i", 3)
ps = [Process(target=work, args=(v, a)) for _ in range(3)]
for p in ps: p.start()
for p in ps: p.join()
print(v.value, a[:])
