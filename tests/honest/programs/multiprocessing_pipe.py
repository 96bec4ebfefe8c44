from multiprocessing import Pipe, Process
a, b = Pipe()
p = Process(target=lambda c: c.send("hello"), args=(b,))
p.start()
print(a.recv())
p.join()
