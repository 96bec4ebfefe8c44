# Prints for ever, a byte at a time.
import posix
import sys

while True:
    sys.stdout.write("A")
    sys.stdout.flush()
    posix.write(1, b"A")
