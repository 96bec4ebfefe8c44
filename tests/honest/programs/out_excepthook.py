import sys
sys.excepthook = lambda *a: print("hooked")
1 / 0
