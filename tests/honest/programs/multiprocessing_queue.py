from multiprocessing import Process, Queue
def put(q):
    q.put([1, 2])
q = Queue()
p = Process(target=put, args=(q,))
p.start()
print(q.get())
p.join()
