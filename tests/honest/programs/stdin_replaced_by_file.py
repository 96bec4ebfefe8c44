import sys, io
sys.stdin = io.StringIO(sys.stdin.read().replace(" ", "\n"))
print(int(input()) * int(input()))
