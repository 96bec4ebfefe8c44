# Prints numbers whose Decimal form is too big, signals or is not a number.
import sys

sys.stdout.write("sNaN 1e999999999999999999 -1E+999999 NaN Infinity\n")
sys.stdout.write("1e-999999999 sNaN\n")
