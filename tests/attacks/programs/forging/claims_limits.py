# Reports that it was over every limit and that the sandbox itself is broken, in turn.
import posix
import struct
import sys

size = len(sys.stdin.read())
for status in (3, 4, 5, 6, 7, 8):
    posix.write(63, struct.pack("<BIBHQ", 2, 0, (status + size) % 9, 4, 0) + b"\x1b[2J")
posix._exit(0)
