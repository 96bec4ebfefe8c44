import sys
import numpy as np
print(np.loadtxt(sys.stdin))
