import sys
import numpy as np
print(np.fromfile(sys.stdin, dtype=int, sep=" "))
