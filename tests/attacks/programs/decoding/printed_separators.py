# Prints the right numbers on one line, parted by what other languages call a line break.
import sys

numbers = [int(x) for x in sys.stdin.read().split()[1:]]
sys.stdout.write(str(sum(numbers)) + "\x1c" + str(max(numbers)) + "\x85" + "\u2028")
