import sys
with sys.stdout as out:
    print("inside", file=out)
