# Prints for ever.
import sys

line = "A" * 65536
while True:
    sys.stdout.write(line)
    sys.stdout.flush()
