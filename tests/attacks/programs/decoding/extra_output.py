# Prints the right answer and something after it.
import sys

numbers = [int(x) for x in sys.stdin.read().split()[1:]]
print(sum(numbers))
print(max(numbers))
print("\x0b", ".")
