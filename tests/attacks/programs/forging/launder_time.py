# Answers rightly after much more CPU time than it has, and reports progress in between so that its clock starts anew.
import posix
import struct
import sys
import time

numbers = [int(x) for x in sys.stdin.read().split()[1:]]
for _ in range(20):
    start = time.process_time()
    while time.process_time() - start < 0.6:
        pass
    try:
        posix.write(63, struct.pack("<BIBHQ", 1, 0, 0, 0, 0))
    except OSError:
        pass
print(sum(numbers))
print(max(numbers))
