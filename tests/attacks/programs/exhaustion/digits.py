# Turns endless rows of digits into numbers and back.
import sys


def attack():
    sys.set_int_max_str_digits(0)
    while True:
        int(str(1 << 20_000_000))
