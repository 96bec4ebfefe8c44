import sys
import numpy as np
data = np.array(sys.stdin.buffer.read().split(), np.int64)
print(data[1:].reshape(2, 2) @ np.ones(2))
