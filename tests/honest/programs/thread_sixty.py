import threading
done = []
barrier = threading.Barrier(60)
def work(i):
    barrier.wait()
    done.append(i)
threads = [threading.Thread(target=work, args=(i,)) for i in range(60)]
for t in threads: t.start()
for t in threads: t.join()
print(sum(done))
