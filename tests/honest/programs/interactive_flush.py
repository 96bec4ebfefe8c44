import sys
print("? 1", flush=True)
a = int(sys.stdin.readline())
print("? 2"); sys.stdout.flush()
print("!", a + int(input()))
