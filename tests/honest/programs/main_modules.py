import sys
print([name in sys.modules for name in ("typing", "collections", "heapq", "threading", "numpy", "json")])
