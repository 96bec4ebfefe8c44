import enum
class C(enum.IntFlag):
    A = 1
    B = 2
print(C.A | C.B, list(C))
