import sys
sys.setrecursionlimit(1 << 25)
def f(n):
    return n if n < 1 else f(n - 1)
print(f(500_000))
