import subprocess, sys
print(subprocess.check_output([sys.executable, "-c", "print(sum(map(int, input().split())))"], stdin=sys.stdin))
