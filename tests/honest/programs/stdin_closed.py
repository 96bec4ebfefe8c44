import sys
x = input()
sys.stdin.close()
print(x, sys.stdin.closed)
