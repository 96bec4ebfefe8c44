b = bytearray(100 << 20)
b[-1] = 1
print(len(b), sum(b[-10:]))
