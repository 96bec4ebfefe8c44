import sys, inspect
print(len(inspect.stack()), sys._getframe().f_back)
