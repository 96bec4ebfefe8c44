import sys
sys.stdin.reconfigure(newline=None)
print(sys.stdin.readlines())
