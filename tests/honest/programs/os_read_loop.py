import os
data = b""
while piece := os.read(0, 3):
    data += piece
print(data)
