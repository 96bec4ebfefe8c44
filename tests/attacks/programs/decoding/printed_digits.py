# Prints one number of two million digits on each line.
import sys

sys.stdout.write("9" * 2_000_000 + "\n" + "-0." + "0" * 1_500_000 + "1\n")
