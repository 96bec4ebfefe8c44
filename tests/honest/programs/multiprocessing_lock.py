import multiprocessing as mp
lock, event, semaphore = mp.Lock(), mp.Event(), mp.Semaphore(2)
with lock, semaphore:
    event.set()
print(event.is_set(), mp.current_process().name)
