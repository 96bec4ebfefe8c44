import sys
print([int(x) for x in sys.stdin.buffer])
