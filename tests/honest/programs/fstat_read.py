import io, os
read = io.BytesIO(os.read(0, os.fstat(0).st_size)).readline
print(sum(map(int, read().split())))
