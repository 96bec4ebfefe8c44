import multiprocessing as mp
def work(q):
    q.put("spawned")
if __name__ == "__main__":
    ctx = mp.get_context("spawn")
    q = ctx.SimpleQueue()
    p = ctx.Process(target=work, args=(q,))
    p.start()
    print(q.get())
    p.join()
