import numpy as np
a = np.array(input().split(), dtype=np.int64)
print(a.sum(), a.dtype, np.cumsum(a))
