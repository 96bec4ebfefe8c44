import threading
barrier = threading.Barrier(60)
total = []
def work(number):
    words = [bytes([number]) * 3000 for _ in range(200)]
    barrier.wait()
    total.append(sum(map(len, words)))
threads = [threading.Thread(target=work, args=(number,)) for number in range(60)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(total), sum(total))
