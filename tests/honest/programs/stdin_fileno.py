import os, sys
print(os.read(sys.stdin.fileno(), 100))
