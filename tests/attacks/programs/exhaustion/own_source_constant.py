# Folds constants that grow while it is compiled.
value = ((((("x" * 4096) * 4096) * 4096,) * 256) * 4096)
tower = 1 << (1 << (1 << 5)) << 100
print(len(value))
