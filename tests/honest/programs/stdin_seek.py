import sys
a = sys.stdin.read()
sys.stdin.seek(0)
print(a == sys.stdin.read(), sys.stdin.seekable())
