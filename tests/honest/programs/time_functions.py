import time, datetime
s = time.perf_counter()
print(time.perf_counter() >= s, datetime.date(2024, 2, 29).isoformat())
