# Prints a line of a million numbers, and a million empty lines.
import sys

sys.stdout.write("1 " * 1_000_000 + "\n" + "\n" * 1_000_000)
