# Lowers the recursion limit and the digits limit under the runner's feet.
import sys


def attack():
    sys.set_int_max_str_digits(640)
    sys.setswitchinterval(1e-9)
    depth = 0
    frame = sys._getframe()
    while frame:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 4)
    return False
