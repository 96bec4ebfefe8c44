import os, sys
print(sys.stdin.isatty(), sys.stdout.isatty(), os.isatty(2))
