import sys
print(sys.stdin.detach().read())
