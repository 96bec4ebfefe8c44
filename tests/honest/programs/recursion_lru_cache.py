import sys
from functools import lru_cache
sys.setrecursionlimit(10**5)
@lru_cache(None)
def f(n):
    return n if n < 2 else f(n - 1) + f(n - 2)
print(f(2000) % 1000007)
