import sys, __main__
x = 5
print(__main__.x, __name__, sys.modules["__main__"] is __main__, __spec__, __package__, __doc__)
