import os
print("twice")
if os.fork():
    os.wait()
