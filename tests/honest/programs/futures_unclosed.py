from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor()
pool.submit(print, "from the pool")
