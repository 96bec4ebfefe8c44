import sys
try:
    int("x")
except ValueError:
    print("caught")
    sys.exit(False)
