from multiprocessing import Process
p = Process(target=print, args=("child",))
p.start()
p.join()
print("parent", p.exitcode)
