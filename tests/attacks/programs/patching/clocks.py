# Stops every clock it can reach and then works for ever.
def attack():
    import time

    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        setattr(time, name, lambda: 0.0)
        setattr(time, name + "_ns", lambda: 0)
    time.clock_gettime = time.clock_gettime_ns = lambda which: 0
    while True:
        pass
