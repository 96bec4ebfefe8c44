# Prints bytes that are not UTF-8, NULs, lone surrogates and terminal escapes.
import sys

try:
    sys.stdout.buffer.write(b"\xff\xfe\x00\x80\xed\xa0\x80\x1b[2J\x1b]0;owned\x07")
except AttributeError:
    sys.stdout.write("\udcff\ud800\x00\x1b[2J\x1b]0;owned\x07")
