from __future__ import annotations
def f(a: Undefined) -> Missing: return a
print(f(1))
