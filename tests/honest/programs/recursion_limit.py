import sys
print(sys.getrecursionlimit(), sys.get_int_max_str_digits())
