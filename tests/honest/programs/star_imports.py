from math import *
from collections import *
from itertools import *
print(gcd(12, 18), Counter("aab")["a"], list(accumulate([1, 2, 3])))
