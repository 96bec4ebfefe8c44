import queue, threading
q = queue.Queue()
t = threading.Thread(target=lambda: [q.put(i) for i in range(5)])
t.start()
print([q.get() for _ in range(5)])
